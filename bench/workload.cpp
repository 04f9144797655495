#include "workload.hpp"

#include <unistd.h>

#include <cstdlib>
#include <eventbus/event_id.hpp>
#include <eventbus/open_bus.hpp>
#include <stdexcept>
#include <thread>

namespace eventbus::bench {

std::vector<Event> make_events(std::size_t count, std::size_t payload_bytes, bool with_header) {
  std::string payload = R"({"customer_id": "c-1", "note": ")";
  payload.resize(payload_bytes - 2, 'x');
  payload += "\"}";
  const Timestamp time = std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
  std::vector<Event> events(count);
  for (std::size_t i = 0; i < count; ++i) {
    Event& event = events[i];
    event.id = new_event_id();
    event.type = event_type;
    event.aggregate_id = "order-" + std::to_string(i % 1000);
    event.aggregate_type = "Order";
    event.aggregate_version = static_cast<std::int64_t>(i + 1);
    event.occurred_at = time;
    if (with_header) event.headers.set(header::correlation_id, "0192f0c1-7a3e-7c4b-9d1e-3f5a6b7c8d9e");
    event.payload = payload;
  }
  return events;
}

void expect(std::string_view what, std::uint64_t found, std::uint64_t wanted) {
  if (found == wanted) return;
  throw std::runtime_error(std::string(what) + ": found " + std::to_string(found) + ", must be " +
                           std::to_string(wanted));
}

void await_acknowledged(const EventBus& bus, std::uint64_t wanted) {
  Stopwatch watch;
  for (;;) {
    const std::uint64_t acknowledged = bus.stats().success;
    if (acknowledged >= wanted) return expect("events acknowledged", acknowledged, wanted);
    if (watch.seconds() > 60) expect("events acknowledged within a minute", acknowledged, wanted);
    std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
}

void clear_overrides() {
  std::vector<std::string> names;
  for (char** variable = environ; *variable; ++variable) {
    const std::string_view text = *variable;
    const std::string_view name = text.substr(0, text.find('='));
    if (name.starts_with("EVENTBUS_") && name != "EVENTBUS_PLUGIN_PATH") names.emplace_back(name);
  }
  for (const std::string& name : names) ::unsetenv(name.c_str());
}

std::unique_ptr<EventBus> connected_bus(const std::string& json) {
  auto bus = open_bus_from_json(json);
  bus->connect();
  return bus;
}

}  // namespace eventbus::bench
