// Many threads on one stream.
#include <algorithm>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <thread>

#include "driver.hpp"

namespace eventbus::sqlite::test {
namespace {

constexpr int publishers = 2;
constexpr int a_publisher = 2000;

void publish_some(Fixture& fixture, int publisher) {
  Driver driver = fixture.publisher();
  for (int i = 0; i < a_publisher; ++i) driver.publish(std::to_string(publisher) + ":" + std::to_string(i));
}

// Receives and acknowledges until `left` events were acknowledged by all of the group.
void consume_some(Driver& consumer, std::atomic<int>& left, Types& seen, const auto& on_end) {
  std::vector<Settlement> due;
  while (left > 0) {
    Collector sink;
    consumer.backend->receive(7, 1s, due, sink);
    left -= static_cast<int>(sink.settlements.size());
    due.clear();
    for (const Delivered& one : sink.deliveries) {
      seen.push_back(one.type);
      due.push_back({.token = one.token, .guarded = true});
    }
    if (left <= 0) on_end();
  }
}

}  // namespace

TEST_CASE("two groups of two consumers each get all that two publishers send, every event once") {
  Fixture fixture;
  std::vector<Driver> consumers;
  for (const char* group : {"g", "h"}) {
    for (const char* name : {"one", "two"}) consumers.push_back(fixture.consumer(group, name));
  }
  std::atomic<int> left[2] = {publishers * a_publisher, publishers * a_publisher};
  Types seen[4];
  auto wake_all = [&] {
    for (Driver& consumer : consumers) consumer.backend->wake();
  };
  std::atomic<bool> stop{false};
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < 4; ++i) {
      threads.emplace_back([&, i] { consume_some(consumers[i], left[i / 2], seen[i], wake_all); });
    }
    for (int i = 0; i < publishers; ++i) threads.emplace_back([&, i] { publish_some(fixture, i); });
    std::jthread looker([&] {
      Driver inspector = fixture.make(fixture.settings("none", "none"), Role::inspector);
      while (!stop) {
        inspector.info();
        inspector.history({.limit = 10});
        inspector.backend->retention()->trim({.max_length = 100});
        std::this_thread::yield();
      }
    });
    threads.clear();
    stop = true;
  }
  for (std::size_t group = 0; group < 2; ++group) {
    Types all = seen[2 * group];
    all.insert(all.end(), seen[2 * group + 1].begin(), seen[2 * group + 1].end());
    CHECK(all.size() == static_cast<std::size_t>(publishers * a_publisher));
    std::sort(all.begin(), all.end());
    CHECK(std::adjacent_find(all.begin(), all.end()) == all.end());
  }
  consumers[0].backend->retention()->trim({.max_length = 1});
  CHECK(consumers[0].info().length == 1);
}

}  // namespace eventbus::sqlite::test
