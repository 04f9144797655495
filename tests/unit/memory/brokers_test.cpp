// Brokers, and events that are shared instead of copied.
#include <catch2/catch_test_macros.hpp>

#include "driver.hpp"

namespace eventbus::memory::test {

TEST_CASE("a delivery and the history have the same event, not a copy of it") {
  Fixture fixture;
  Driver consumer = fixture.consumer("g", "c");
  consumer.publish("a");
  auto got = consumer.receive();
  Collector history;
  consumer.backend->history()->read({}, history);
  CHECK(history.deliveries.at(0).event == got.at(0).event);  // pointers
}

TEST_CASE("a broker ends with its last open backend") {
  Fixture fixture;
  fixture.publisher().publish("a");
  CHECK_FALSE(fixture.publisher().info().exists);
}

}  // namespace eventbus::memory::test
