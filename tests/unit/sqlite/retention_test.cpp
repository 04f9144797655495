// Trimming.
#include <catch2/catch_test_macros.hpp>

#include "driver.hpp"

namespace eventbus::sqlite::test {

TEST_CASE("trimming keeps what a group still needs") {
  Fixture fixture;
  Driver one = fixture.consumer("g", "c");
  one.publish_all({"a", "b", "c", "d", "e"});
  auto held = one.receive(3);
  one.ack(held[0].token);
  one.ack(held[2].token);
  TrimReport report = one.backend->retention()->trim({.max_length = 1});
  CHECK(report.trimmed == 2);
  CHECK(report.lost == 0);
  CHECK(one.history() == Types{"b", "d", "e"});
  CHECK(one.ack(held[1].token, true) == SettleStatus::done);
  CHECK(types_of(one.receive()) == Types{"d", "e"});
}

TEST_CASE("trimming by length leaves the newest") {
  Fixture fixture;
  Driver publisher = fixture.publisher();
  publisher.publish_all({"a", "b", "c"});
  CHECK(publisher.backend->retention()->trim({.max_length = 2}).trimmed == 1);
  CHECK(publisher.history() == Types{"b", "c"});
  CHECK(publisher.backend->retention()->trim({.max_length = 2}).trimmed == 0);
  CHECK(publisher.backend->retention()->trim({}).trimmed == 0);
}

TEST_CASE("trimming an absent stream is nothing to do") {
  Fixture fixture;
  Driver publisher = fixture.publisher();
  CHECK(publisher.backend->retention()->trim({.max_length = 1, .max_age = 1s, .hard_max_length = 1}).trimmed == 0);
}

TEST_CASE("trimming by age spares what is young, also when the clock stepped back") {
  Fixture fixture;
  Driver publisher = fixture.publisher();
  publisher.publish("a");
  fixture.host.pass(10s);
  publisher.publish("b");
  fixture.host.step_utc_back(5s);
  publisher.publish("c");
  fixture.host.pass(10s);
  CHECK(publisher.backend->retention()->trim({.max_age = 6s}).trimmed == 1);
  CHECK(publisher.history() == Types{"b", "c"});
  fixture.host.pass(2s);
  CHECK(publisher.backend->retention()->trim({.max_age = 6s}).trimmed == 2);
}

TEST_CASE("a hard limit loses only what it must, counts it, and readers go on behind it") {
  Fixture fixture;
  Driver one = fixture.consumer("g", "c");
  one.publish_all({"a", "b", "c", "d", "e"});
  auto held = one.receive(2);
  one.ack(held[1].token);
  TrimReport report = one.backend->retention()->trim({.hard_max_length = 2});
  CHECK(report.trimmed == 3);
  CHECK(report.lost == 2);
  CHECK(one.group("g").lag == 2);
  CHECK(types_of(one.receive()) == Types{"d", "e"});
}

TEST_CASE("positions are never given again, also when all was trimmed away and every process ended") {
  Fixture fixture;
  {
    Driver publisher = fixture.publisher();
    publisher.publish_all({"a", "b", "c"});
    Driver consumer = fixture.consumer("g", "c");
    for (const Delivered& one : consumer.receive()) consumer.ack(one.token);
    fixture.host.pass(1h);
    CHECK(consumer.backend->retention()->trim({.max_age = 1s}).trimmed == 3);
  }
  Driver consumer = fixture.consumer("g", "c");
  CHECK(consumer.publish("d").position == Position{4, 0});
  CHECK(types_of(consumer.receive()) == Types{"d"});
}

TEST_CASE("trimming more than a transaction holds goes on to its end") {
  Fixture fixture;
  Driver publisher = fixture.publisher();
  std::vector<Event> events(4500);
  std::vector<AppendResult> results(events.size());
  publisher.backend->append(events, results);
  CHECK(publisher.backend->retention()->trim({.max_length = 100}).trimmed == 4400);
  CHECK(publisher.info().length == 100);
}

}  // namespace eventbus::sqlite::test
