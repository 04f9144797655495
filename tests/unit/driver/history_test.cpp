// Reading what the stream keeps, without a group.
#include <catch2/catch_test_macros.hpp>

#include "driver.hpp"

namespace eventbus::driver_tests {
using namespace under_test;

TEST_CASE("history is read between positions, both inclusive") {
  Fixture fixture;
  Driver publisher = fixture.publisher();
  publisher.publish_all({"a", "b", "c", "d"});
  CHECK(publisher.history() == Types{"a", "b", "c", "d"});
  CHECK(publisher.history({.from = {2, 0}, .to = {3, 0}}) == Types{"b", "c"});
  CHECK(publisher.history({.from = {2, 1}}) == Types{"c", "d"});
  CHECK(publisher.history({.from = {5, 0}}).empty());
  CHECK(publisher.history({.from = Position::last()}).empty());
}

TEST_CASE("history is read between times, the end exclusive") {
  Fixture fixture;
  Driver publisher = fixture.publisher();
  Timestamp begin = fixture.host.utc_now();
  for (const char* type : {"a", "b", "c"}) {
    publisher.publish(type);
    fixture.host.pass(1s);
  }
  CHECK(publisher.history({.from_time = begin + 1s}) == Types{"b", "c"});
  CHECK(publisher.history({.to_time = begin + 2s}) == Types{"a", "b"});
  CHECK(publisher.history({.from_time = begin + 1s, .to_time = begin + 1s}).empty());
}

TEST_CASE("history comes in pages, and ends") {
  Fixture fixture;
  Driver publisher = fixture.publisher();
  publisher.publish_all({"a", "b", "c"});
  Collector sink;
  History& history = *publisher.backend->history();
  auto next = history.read({.limit = 2}, sink);
  REQUIRE(next == Position{3, 0});
  CHECK_FALSE(history.read({.from = *next, .limit = 2}, sink));
  CHECK(types_of(sink.deliveries) == Types{"a", "b", "c"});
  CHECK_FALSE(history.read({.to = {2, 0}, .limit = 2}, sink));
}

TEST_CASE("reading history touches no group") {
  Fixture fixture;
  Driver consumer = fixture.consumer("g", "c");
  consumer.publish("a");
  consumer.history();
  CHECK(consumer.group("g").lag == 1);
  CHECK(consumer.receive().size() == 1);
}

}  // namespace eventbus::driver_tests
