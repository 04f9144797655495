// What publish refuses, on every backend alike.
#pragma once

#include <cstdint>
#include <optional>

#include <eventbus/error.hpp>
#include <eventbus/event.hpp>

namespace eventbus::host {

// With `needs_bytes` a payload that is an object is encoded for it, once and for all.
std::optional<Error> check_event(const Event& event, std::uint64_t max_payload_bytes, bool needs_bytes);

// Fills in what the publisher left out.
void stamp_event(Event& event, Timestamp now);

}  // namespace eventbus::host
