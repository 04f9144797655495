// Publish, handle and acknowledge on the memory backend with background dispatch, against a hand-written queue that
// keeps none of the contract: no groups, no acknowledgement, no order by aggregate.
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

#include "benchmarks.hpp"
#include "workload.hpp"

namespace eventbus::bench {
namespace {

constexpr std::size_t payload_bytes = 64;

// Bounded; the consumer takes all that is there by swapping vectors, and is notified only when it sleeps.
class SwapQueue {
 public:
  void push(Event event) {
    std::unique_lock lock(mutex_);
    room_.wait(lock, [&] { return waiting_.size() < bound; });
    waiting_.push_back(std::move(event));
    if (asleep_) arrived_.notify_one();
  }

  // Waits for events; `taken` is replaced.
  void take(std::vector<Event>& taken) {
    taken.clear();
    std::unique_lock lock(mutex_);
    asleep_ = true;
    arrived_.wait(lock, [&] { return !waiting_.empty(); });
    asleep_ = false;
    const bool was_full = waiting_.size() >= bound;
    taken.swap(waiting_);
    if (was_full) room_.notify_one();
  }

 private:
  static constexpr std::size_t bound = 1024;

  std::mutex mutex_;  // guards all below
  std::condition_variable room_, arrived_;
  std::vector<Event> waiting_;
  bool asleep_ = false;
};

double ours(std::size_t count) {
  std::uint64_t sum = 0;  // of the one worker; read when it has ended
  auto bus = connected_bus(R"({"backend": "memory", "stream_prefix": "bench", "log": {"level": "error"},
    "backends": {"memory": {"broker": "bench-background", "history": false, "dispatch": "background"}}})");
  auto subscription = bus->subscribe(
      std::string(event_type), [&](const Event& event) { sum += static_cast<std::uint64_t>(event.aggregate_version); });
  bus->start_consuming();
  std::vector<Event> events = make_events(count, payload_bytes, false);
  Stopwatch watch;
  for (Event& event : events) bus->publish(std::move(event));
  await_acknowledged(*bus, count);
  const double seconds = watch.seconds();
  bus->stop_consuming();
  expect("sum that the handler made", sum, version_sum(count));
  return seconds / static_cast<double>(count);
}

double swap_queue(std::size_t count) {
  std::uint64_t sum = 0;
  std::function<void(const Event&)> handler = [&](const Event& event) {
    sum += static_cast<std::uint64_t>(event.aggregate_version);
  };
  SwapQueue queue;
  std::vector<Event> events = make_events(count, payload_bytes, false);
  std::thread consumer([&] {
    std::vector<Event> taken;
    for (std::size_t handled = 0; handled < count; handled += taken.size()) {
      queue.take(taken);
      for (const Event& event : taken) handler(event);
    }
  });
  Stopwatch watch;
  for (Event& event : events) queue.push(std::move(event));
  consumer.join();
  const double seconds = watch.seconds();
  expect("sum that the handler made", sum, version_sum(count));
  return seconds / static_cast<double>(count);
}

}  // namespace

std::vector<Named> memory_background(const Sizes& sizes) {
  const std::string name = "memory background, publish + handle + ack";
  const std::size_t count = sizes.background_events;
  return {{name, [=] {
             return Benchmark{name,
                              Measure::rate,
                              [=] { return ours(count); },
                              {{"mutex + condvar, vector swap", [=] { return swap_queue(count); }, Target{0.8, 0.5}}}};
           }}};
}

}  // namespace eventbus::bench
