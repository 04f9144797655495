// Publish on the memory backend with inline dispatch: a function call is the limit, a signal library the usual thing.
#include <algorithm>
#include <boost/signals2/signal.hpp>
#include <functional>
#include <memory>
#include <utility>

#include "benchmarks.hpp"
#include "workload.hpp"

namespace eventbus::bench {
namespace {

constexpr std::size_t payload_bytes = 64;
constexpr std::size_t at_once = 256;  // built events that wait: few enough to stay in the cache

// Events are built outside the timing, some at a time; `publish` is timed for each lot.
template <class Publish>
double timed_lots(std::size_t count, Publish publish) {
  const std::vector<Event> model = make_events(at_once, payload_bytes, false);
  double seconds = 0;
  for (std::size_t done = 0; done < count;) {
    std::vector<Event> lot(model.begin(), model.begin() + static_cast<std::ptrdiff_t>(std::min(at_once, count - done)));
    for (Event& event : lot) event.aggregate_version = static_cast<std::int64_t>(++done);
    Stopwatch watch;
    for (Event& event : lot) publish(event);
    seconds += watch.seconds();
  }
  return seconds / static_cast<double>(count);
}

// The same for every contestant: each handler sums what it sees, and every sum must be right.
struct Handlers {
  explicit Handlers(std::size_t count) : sums(count, 0) {}
  auto function(std::size_t which) {
    return [sum = &sums[which]](const Event& event) { *sum += static_cast<std::uint64_t>(event.aggregate_version); };
  }
  void check(std::size_t events) {
    for (std::uint64_t& sum : sums) expect("sum that a handler made", std::exchange(sum, 0), version_sum(events));
  }
  std::vector<std::uint64_t> sums;
};

double ours(std::size_t handler_count, std::size_t events) {
  Handlers handlers(handler_count);
  auto bus = connected_bus(R"({"backend": "memory", "stream_prefix": "bench", "log": {"level": "error"},
    "backends": {"memory": {"broker": "bench-inline", "history": false, "dispatch": "inline"}}})");
  std::vector<Subscription> subscriptions;
  for (std::size_t i = 0; i < handler_count; ++i) {
    subscriptions.push_back(bus->subscribe(std::string(event_type), handlers.function(i)));
  }
  bus->start_consuming();
  const double seconds = timed_lots(events, [&](Event& event) { bus->publish(std::move(event)); });
  handlers.check(events);
  await_acknowledged(*bus, events);
  return seconds;
}

double direct(std::size_t handler_count, std::size_t events) {
  Handlers handlers(handler_count);
  std::vector<std::function<void(const Event&)>> functions;
  for (std::size_t i = 0; i < handler_count; ++i) functions.emplace_back(handlers.function(i));
  const double seconds = timed_lots(events, [&](const Event& event) {
    for (const auto& function : functions) function(event);
  });
  handlers.check(events);
  return seconds;
}

double signals2(std::size_t handler_count, std::size_t events) {
  Handlers handlers(handler_count);
  boost::signals2::signal<void(const Event&)> signal;
  for (std::size_t i = 0; i < handler_count; ++i) signal.connect(handlers.function(i));
  const double seconds = timed_lots(events, [&](const Event& event) { signal(event); });
  handlers.check(events);
  return seconds;
}

Benchmark inline_publish(std::string name, std::size_t handlers, std::size_t events, std::optional<Target> to_direct,
                         Target to_signals2) {
  return {std::move(name),
          Measure::time,
          [=] { return ours(handlers, events); },
          {{"vector of std::function", [=] { return direct(handlers, events); }, to_direct},
           {"boost::signals2", [=] { return signals2(handlers, events); }, to_signals2}}};
}

}  // namespace

std::vector<Named> memory_inline(const Sizes& sizes) {
  const std::string one = "memory inline, publish to 1 handler", many = "memory inline, publish to 16 handlers";
  const std::size_t events = sizes.inline_events;
  return {{one,
           [=] {
             return inline_publish(one, 1, events, Target{10, 20}, {0.5, 1.0});
           }},
          {many, [=] {
             return inline_publish(many, 16, events, std::nullopt, {0.15, 0.3});
           }}};
}

}  // namespace eventbus::bench
