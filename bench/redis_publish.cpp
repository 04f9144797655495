// Publish on Redis: lists, and one event at a time, each against the same by hand.
#include <utility>

#include "benchmarks.hpp"
#include "redis_fixture.hpp"

namespace eventbus::bench {
namespace {

constexpr std::size_t payload_bytes = 200;

struct Publishing {
  Publishing(const std::string& url, const std::string& purpose, std::size_t count)
      : redis(url, purpose), bus(redis.bus()), events(make_events(count, payload_bytes, true)) {}

  // Each contestant begins with an empty stream, and must have filled it.
  template <class Publish>
  double timed(const std::string& stream, std::size_t total, Publish publish) {
    redis.raw.remove(stream);
    const double seconds = publish();
    expect("entries in the stream", redis.raw.length(stream), total);
    return seconds / static_cast<double>(total);
  }

  RedisFixture redis;
  std::unique_ptr<EventBus> bus;
  std::vector<Event> events;
};

double our_lists(Publishing& with, std::size_t lists) {
  return with.timed(with.redis.stream(), lists * with.events.size(), [&] {
    double seconds = 0;
    for (std::size_t i = 0; i < lists; ++i) {
      std::vector<Event> list = with.events;
      Stopwatch watch;
      const std::vector<PublishResult> results = with.bus->publish_all(std::move(list));
      seconds += watch.seconds();
      std::size_t written = 0;
      for (const PublishResult& result : results) written += result.written() ? 1 : 0;
      expect("events written", written, with.events.size());
    }
    return seconds;
  });
}

double raw_lists(Publishing& with, std::size_t lists) {
  return with.timed(with.redis.raw_stream(), lists * with.events.size(), [&] {
    Stopwatch watch;
    for (std::size_t i = 0; i < lists; ++i) with.redis.raw.publish_all(with.redis.raw_stream(), with.events);
    return watch.seconds();
  });
}

double our_singles(Publishing& with) {
  return with.timed(with.redis.stream(), with.events.size(), [&] {
    std::vector<Event> events = with.events;
    Stopwatch watch;
    for (Event& event : events) with.bus->publish(std::move(event));
    return watch.seconds();
  });
}

double raw_singles(Publishing& with) {
  return with.timed(with.redis.raw_stream(), with.events.size(), [&] {
    Stopwatch watch;
    for (const Event& event : with.events) with.redis.raw.publish_one(with.redis.raw_stream(), event);
    return watch.seconds();
  });
}

}  // namespace

std::vector<Named> redis_publish(const Sizes& sizes, const std::string& url) {
  const std::string list = "redis publish_all, list of " + std::to_string(sizes.list_events);
  const std::string single = "redis publish, one at a time";
  return {
      {list,
       [=] {
         auto with = std::make_shared<Publishing>(url, "lists", sizes.list_events);
         const std::size_t lists = sizes.lists;
         return Benchmark{list,
                          Measure::rate,
                          [=] { return our_lists(*with, lists); },
                          {{"raw hiredis, 100 a write", [=] { return raw_lists(*with, lists); }, Target{2.0, 1.2}}}};
       }},
      {single, [=] {
         auto with = std::make_shared<Publishing>(url, "singles", sizes.single_events);
         return Benchmark{single,
                          Measure::rate,
                          [=] { return our_singles(*with); },
                          {{"raw hiredis, XADD round trip", [=] { return raw_singles(*with); }, Target{0.95, 0.9}}}};
       }}};
}

}  // namespace eventbus::bench
