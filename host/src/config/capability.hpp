// The names that `require` knows: the promises of Capabilities.
#pragma once

#include <eventbus/stats.hpp>

namespace eventbus::host {

struct Capability {
  const char* name;
  bool Capabilities::*field;
  const char* without;  // "backend 'memory' is not durable"
};

inline constexpr Capability capabilities_by_name[] = {
    {"durable", &Capabilities::durable, "is not durable"},
    {"cross_process", &Capabilities::cross_process, "does not reach other processes"},
    {"competing_consumers", &Capabilities::competing_consumers, "does not share a group's events among consumers"},
    {"ordered", &Capabilities::ordered, "does not keep the order of the stream"},
    {"inline_dispatch", &Capabilities::inline_dispatch, "does not run the handlers inside publish"},
    {"dead_letters", &Capabilities::dead_letters, "keeps no dead letters"},
    {"history", &Capabilities::history, "keeps no history"},
    {"inspection", &Capabilities::inspection, "does not show the state of its stream"},
    {"retention", &Capabilities::retention, "does not trim its stream"},
    {"idempotency", &Capabilities::idempotency, "does not remember which events a handler is done with"},
};

}  // namespace eventbus::host
