// Settling, and what a token fences.
#include <catch2/catch_test_macros.hpp>

#include "driver.hpp"

namespace eventbus::driver_tests {
using namespace under_test;

TEST_CASE("an acknowledged event is pending no more, and absent when settled again") {
  Fixture fixture;
  Driver consumer = fixture.consumer("g", "c");
  consumer.publish("a");
  Token token = consumer.receive().at(0).token;
  CHECK(consumer.group("g").pending == 1);
  CHECK(consumer.ack(token) == SettleStatus::done);
  CHECK(consumer.group("g").pending == 0);
  CHECK(consumer.ack(token) == SettleStatus::absent);
  CHECK(consumer.ack(token, true) == SettleStatus::absent);
  CHECK(consumer.ack({{7, 0}, 1}) == SettleStatus::absent);
}

TEST_CASE("settlements that ride on a receive are answered in order, before the deliveries") {
  Fixture fixture;
  Driver consumer = fixture.consumer("g", "c");
  consumer.publish_all({"a", "b", "c"});
  auto held = consumer.receive(2);
  std::vector<Settlement> due{{.token = held[1].token}, {.token = {{9, 0}, 1}}, {.token = held[0].token}};
  Collector sink;
  consumer.backend->receive(10, 0ms, due, sink);
  REQUIRE(sink.settlements.size() == 3);
  CHECK(sink.settlements[0].status == SettleStatus::done);
  CHECK(sink.settlements[1].status == SettleStatus::absent);
  CHECK(sink.settlements[2].status == SettleStatus::done);
  CHECK(types_of(sink.deliveries) == Types{"c"});
  Collector only;
  std::vector<Settlement> last{{.token = sink.deliveries[0].token}};
  consumer.backend->receive(0, 0ms, last, only);
  CHECK(only.settlements.at(0).status == SettleStatus::done);
  CHECK(consumer.group("g").pending == 0);
}

TEST_CASE("a guarded settlement has no effect once the delivery is another's or was counted again") {
  Fixture fixture;
  Driver one = fixture.consumer("g", "one");
  Driver two = fixture.consumer("g", "two");
  one.publish("a");
  Token old = one.receive().at(0).token;
  fixture.host.pass(60s);
  Token claimed = two.claim().tokens.at(0);
  CHECK(claimed == old);
  CHECK(one.ack(old, true) == SettleStatus::not_mine);
  CHECK(one.release(old) == SettleStatus::not_mine);
  CHECK(one.bury(old) == SettleStatus::not_mine);
  CHECK(one.renew(old) == HoldStatus::not_mine);
  std::vector<Delivered> got;
  CHECK(one.redeliver(old, got) == HoldStatus::not_mine);
  CHECK(two.redeliver(claimed, got) == HoldStatus::mine);
  CHECK(got.at(0).token.attempt == 2);
  CHECK(two.ack(claimed, true) == SettleStatus::not_mine);
  CHECK(two.ack(got[0].token, true) == SettleStatus::done);
}

TEST_CASE("an unguarded acknowledgement removes whatever is pending there, as XACK does") {
  Fixture fixture;
  Driver one = fixture.consumer("g", "one");
  Driver two = fixture.consumer("g", "two");
  one.publish("a");
  Token token = one.receive().at(0).token;
  fixture.host.pass(60s);
  two.claim();
  CHECK(one.ack(token) == SettleStatus::done);
  CHECK(two.group("g").pending == 0);
}

TEST_CASE("dropping is acknowledging") {
  Fixture fixture;
  Driver consumer = fixture.consumer("g", "c");
  consumer.publish_all({"a", "b"});
  auto held = consumer.receive();
  CHECK(consumer.settle({.token = held[0].token, .action = SettleAction::drop}) == SettleStatus::done);
  CHECK(consumer.settle({.token = held[1].token, .action = SettleAction::drop, .guarded = true}) == SettleStatus::done);
  CHECK(consumer.group("g").pending == 0);
  CHECK(consumer.letters().empty());
}

TEST_CASE("one group's settling leaves the other group's delivery alone") {
  Fixture fixture;
  Driver one = fixture.consumer("g", "c");
  Driver two = fixture.consumer("h", "c");
  one.publish("a");
  Token token = one.receive().at(0).token;
  two.receive();
  one.ack(token);
  CHECK(two.ack(token, true) == SettleStatus::done);
}

TEST_CASE("what was trimmed away while pending is lost to whoever looks, once") {
  Fixture fixture;
  Driver consumer = fixture.consumer("g", "c");
  consumer.publish_all({"a", "b", "c", "d", "e"});
  auto held = consumer.receive();
  CHECK(consumer.backend->retention()->trim({.hard_max_length = 1}).lost == 4);
  std::vector<Delivered> got;
  CHECK(consumer.bury(held[0].token) == SettleStatus::lost);
  CHECK(consumer.release(held[1].token) == SettleStatus::lost);
  CHECK(consumer.renew(held[2].token) == HoldStatus::lost);
  CHECK(consumer.redeliver(held[3].token, got) == HoldStatus::lost);
  CHECK(got.empty());
  CHECK(consumer.bury(held[0].token) == SettleStatus::absent);
  CHECK(consumer.renew(held[2].token) == HoldStatus::not_mine);
  CHECK(consumer.letters().empty());
  CHECK(consumer.ack(held[4].token) == SettleStatus::done);
  CHECK(consumer.group("g").pending == 0);
}

}  // namespace eventbus::driver_tests
