// Consume, handle and acknowledge on Redis. A stream is filled once; every repetition reads all of it in a new group.
#include <atomic>
#include <utility>

#include "benchmarks.hpp"
#include "redis_fixture.hpp"

namespace eventbus::bench {
namespace {

constexpr std::size_t payload_bytes = 200;

struct Consuming {
  Consuming(const std::string& url, std::size_t wanted) : redis(url, "consume"), count(wanted) {
    std::vector<Event> events = make_events(count, payload_bytes, true);
    redis.raw.publish_all(redis.raw_stream(), events);
    for (const PublishResult& result : redis.bus()->publish_all(std::move(events))) {
      if (result.error) throw *result.error;
    }
    expect("entries in the stream", redis.raw.length(redis.stream()), count);
  }

  std::string next_group() { return "group-" + std::to_string(++groups); }

  // Nothing may be left pending.
  void finish(const std::string& stream, const std::string& group) {
    expect("events left pending", redis.raw.pending(stream, group), 0);
    redis.raw.drop_group(stream, group);
  }

  RedisFixture redis;
  std::size_t count;
  std::size_t groups = 0;
};

// Timed from the start of the consumer, group and threads included, to the last acknowledgement.
double ours(Consuming& with) {
  const std::string group = with.next_group();
  std::uint64_t handled = 0, bytes = 0;  // of the one worker; read when it has ended
  auto bus = with.redis.bus(group);
  auto subscription = bus->subscribe(std::string(event_type), [&](const Event& event) {
    ++handled;
    bytes += event.payload.bytes().size();
  });
  Stopwatch watch;
  bus->start_consuming();
  await_acknowledged(*bus, with.count);
  const double seconds = watch.seconds();
  bus->stop_consuming();
  expect("events handled", handled, with.count);
  expect("bytes handled", bytes, with.count * payload_bytes);
  bus->disconnect();
  with.finish(with.redis.stream(), group);
  return seconds / static_cast<double>(with.count);
}

double raw(Consuming& with) {
  const std::string group = with.next_group();
  std::uint64_t handled = 0, bytes = 0;
  Stopwatch watch;
  with.redis.raw.make_group(with.redis.raw_stream(), group);
  with.redis.raw.consume(with.redis.raw_stream(), group, with.count, [&](const RawEvent& event) {
    ++handled;
    bytes += event.payload.size();
  });
  const double seconds = watch.seconds();
  expect("events handled by the raw loop", handled, with.count);
  expect("bytes handled by the raw loop", bytes, with.count * payload_bytes);
  with.finish(with.redis.raw_stream(), group);
  return seconds / static_cast<double>(with.count);
}

}  // namespace

std::vector<Named> redis_consume(const Sizes& sizes, const std::string& url) {
  const std::string name = "redis consume + handle + ack";
  const std::size_t count = sizes.consumed_events;
  return {{name, [=] {
             auto with = std::make_shared<Consuming>(url, count);
             return Benchmark{name,
                              Measure::rate,
                              [=] { return ours(*with); },
                              {{"raw hiredis, COUNT 100, one XACK", [=] { return raw(*with); }, Target{2.5, 1.5}}}};
           }}};
}

}  // namespace eventbus::bench
