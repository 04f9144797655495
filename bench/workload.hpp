// What every benchmark needs: events, a clock, and a bus by configuration.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <eventbus/event.hpp>
#include <eventbus/event_bus.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace eventbus::bench {

inline constexpr std::string_view event_type = "OrderCreated";

// Complete events, ids and times included, so that what is timed is the bus and not their making. Versions count
// from 1. Of 1000 aggregates. With a header they are what eight fields on Redis hold.
std::vector<Event> make_events(std::size_t count, std::size_t payload_bytes, bool with_header);

// The sum of the versions of `count` such events: what handlers check.
constexpr std::uint64_t version_sum(std::uint64_t count) noexcept { return count * (count + 1) / 2; }

class Stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point start_ = Clock::now();
};

// Throws where a benchmark met another number than it must, so that no figure comes from work that was not done.
void expect(std::string_view what, std::uint64_t found, std::uint64_t wanted);

// Waits until the bus has acknowledged `wanted` events. Throws after a minute.
void await_acknowledged(const EventBus& bus, std::uint64_t wanted);

// Removes EVENTBUS_* from the environment, but for the plugins' path: it would override what is to be measured.
void clear_overrides();

// Opens and connects a bus from JSON text.
std::unique_ptr<EventBus> connected_bus(const std::string& json);

}  // namespace eventbus::bench
