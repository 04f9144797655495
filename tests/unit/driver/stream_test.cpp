// A stream: its order, and that it is its own.
#include <catch2/catch_test_macros.hpp>

#include "driver.hpp"

namespace eventbus::driver_tests {
using namespace under_test;

TEST_CASE("events are handed out in the order of publishing, with attempt 1, as history has them") {
  Fixture fixture;
  Driver consumer = fixture.consumer("g", "c");
  Types sent = consumer.publish_all({"a", "b", "c"});
  auto got = consumer.receive();
  CHECK(types_of(got) == sent);
  CHECK(got[0].token == Token{{1, 0}, 1});
  CHECK(got[2].token == Token{{3, 0}, 1});
  Collector history;
  consumer.backend->history()->read({}, history);
  CHECK(event_of(history.deliveries[0]) == event_of(got[0]));
}

TEST_CASE("streams of different names, and of different places, do not mix") {
  Fixture fixture, other;
  Driver here = fixture.consumer("g", "c");
  Driver elsewhere = other.consumer("g", "c");
  BackendSettings settings = fixture.settings("g", "c");
  settings.stream = "invoices:stream";
  Driver beside = fixture.make(settings);
  here.publish("a");
  CHECK(elsewhere.receive().empty());
  CHECK(beside.receive().empty());
  CHECK(types_of(here.receive()) == Types{"a"});
}

}  // namespace eventbus::driver_tests
