// eventbus check: what the configured backend guarantees and lacks, in words.
#include <array>
#include <eventbus/open_bus.hpp>
#include <iomanip>
#include <iostream>

#include "ndjson.hpp"
#include "verbs.hpp"

namespace eventbus::app {
namespace {

struct Promise {
  const char* name;
  bool Capabilities::*kept;
  const char* yes;
  const char* no;
};

constexpr std::array promises = {
    Promise{"durable", &Capabilities::durable,
            "accepted events outlive every process, as far as the server's own persistence goes",
            "accepted events end with the process"},
    Promise{"cross_process", &Capabilities::cross_process, "buses in other processes see the same stream",
            "only buses of the same process see the stream"},
    Promise{"competing_consumers", &Capabilities::competing_consumers, "several consumers of a group share its events",
            "one consumer a group: a second one does not share the load"},
    Promise{"ordered", &Capabilities::ordered, "a group is handed events in the order of the stream",
            "events may be handed out in another order than they were published"},
    Promise{"inline_dispatch", &Capabilities::inline_dispatch, "publish runs the handlers before it returns",
            "publish returns before the handlers have run"},
    Promise{"dead_letters", &Capabilities::dead_letters, "events that keep failing are set aside, with the reason",
            "events that keep failing can't be set aside"},
    Promise{"history", &Capabilities::history, "the stream can be read again without touching a group",
            "what was handled can't be read again"},
    Promise{"inspection", &Capabilities::inspection, "groups, lag and pending events can be looked at",
            "groups, lag and pending events can't be looked at"},
    Promise{"retention", &Capabilities::retention, "the stream can be trimmed", "the stream can't be trimmed"},
    Promise{"idempotency", &Capabilities::idempotency, "handlers wrapped in once() share what they are done with",
            "handlers wrapped in once() need a store of their own"},
};

void print_promises(const Capabilities& has, bool kept) {
  for (const Promise& promise : promises) {
    if (has.*promise.kept != kept) continue;
    std::cout << "  " << std::left << std::setw(20) << promise.name << "  " << (kept ? promise.yes : promise.no)
              << '\n';
  }
}

void print_json(const EventBus& bus, const std::string& backend, const std::string& origin) {
  Capabilities has = bus.capabilities();
  Json out{{"config", origin},
           {"valid", true},
           {"backend", backend},
           {"connected", bus.is_connected()},
           {"stream", bus.stream_name()},
           {"group", bus.group()},
           {"consumer", bus.consumer()}};
  for (const Promise& promise : promises) out["capabilities"][promise.name] = has.*promise.kept;
  out["max_payload_bytes"] = has.max_payload_bytes;
  out["delivery"] = "at_least_once";
  out["order"] = "per aggregate_id, within one consumer";
  std::cout << out.dump(2) << '\n';
}

}  // namespace

int check(const BusConfig& config, const std::string& origin, bool json) {
  auto bus = open_bus(config);
  bus->connect();
  if (json) {
    print_json(*bus, config.backend, origin);
    return ok;
  }
  Capabilities has = bus->capabilities();
  std::cout << origin << " is valid; the backend '" << config.backend << "' is connected.\n"
            << "Stream " << bus->stream_name() << ", group " << bus->group() << ", consumer " << bus->consumer()
            << ".\n\nYou can rely on\n";
  print_promises(has, true);
  std::cout << "\nYou do without\n";
  print_promises(has, false);
  std::cout
      << "\nDelivery is at least once: a handler must tolerate a duplicate, which carries the same id.\n"
         "Order: events of one aggregate_id run one after another within one consumer. It is not kept across the\n"
         "consumers of a group, nor after recovery or replay.\n";
  return ok;
}

}  // namespace eventbus::app
