// Brokers, and events that are shared instead of copied.
#include <catch2/catch_test_macros.hpp>

#include "driver.hpp"

namespace eventbus::memory::test {

TEST_CASE("events are handed out in the order of publishing, with attempt 1 and the published event itself") {
  Fixture fixture;
  Driver consumer = fixture.consumer("g", "c");
  Types sent = consumer.publish_all({"a", "b", "c"});
  auto got = consumer.receive();
  CHECK(types_of(got) == sent);
  CHECK(got[0].token == Token{{1, 0}, 1});
  CHECK(got[2].token == Token{{3, 0}, 1});
  Collector history;
  consumer.backend->history()->read({}, history);
  CHECK(history.deliveries[0].event == got[0].event);
}

TEST_CASE("brokers and streams of different names do not mix") {
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

TEST_CASE("a broker ends with its last open backend") {
  Fixture fixture;
  fixture.publisher().publish("a");
  CHECK_FALSE(fixture.publisher().info().exists);
}

}  // namespace eventbus::memory::test
