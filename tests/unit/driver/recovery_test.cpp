// Leases, release, claim, resume, redelivery.
#include <catch2/catch_test_macros.hpp>

#include "driver.hpp"

namespace eventbus::driver_tests {
using namespace under_test;

TEST_CASE("a delivery is claimed once it was not renewed for so long, and not before") {
  Fixture fixture;
  Driver one = fixture.consumer("g", "one");
  Driver two = fixture.consumer("g", "two");
  one.publish("a");
  Token token = one.receive().at(0).token;
  fixture.host.pass(59999ms);
  CHECK(two.claim().tokens.empty());
  CHECK(one.renew(token) == HoldStatus::mine);
  fixture.host.pass(59999ms);
  ClaimResult early = two.claim();
  CHECK(early.tokens.empty());
  CHECK(early.checked == 1);
  fixture.host.pass(1ms);
  CHECK(two.claim().tokens == std::vector<Token>{token});
  CHECK(two.claim().tokens.empty());
  CHECK(two.group("g").consumers.at(1).pending == 1);
}

TEST_CASE("a released delivery is claimed at once, with the count it was left") {
  Fixture fixture;
  Driver one = fixture.consumer("g", "one");
  Driver two = fixture.consumer("g", "two");
  one.publish("a");
  Token token = one.receive().at(0).token;
  CHECK(one.release(token, 0) == SettleStatus::done);
  CHECK(one.group("g").pending == 1);
  CHECK(two.receive().empty());
  Token claimed = two.claim().tokens.at(0);
  CHECK(claimed == Token{{1, 0}, 0});
  std::vector<Delivered> got;
  CHECK(two.redeliver(claimed, got) == HoldStatus::mine);
  CHECK(got.at(0).token.attempt == 1);
  CHECK(got.at(0).type == "a");
}

TEST_CASE("a delayed release is not claimed before its delay has passed, whatever the idle time asked for") {
  Fixture fixture;
  Driver one = fixture.consumer("g", "one");
  Driver two = fixture.consumer("g", "two");
  one.publish("a");
  Token token = one.receive().at(0).token;
  CHECK(one.release(token, 1, 500ms) == SettleStatus::done);
  fixture.host.pass(499ms);
  CHECK(two.claim(0ms).tokens.empty());
  fixture.host.pass(1ms);
  CHECK(two.claim().tokens == std::vector<Token>{{{1, 0}, 1}});
}

TEST_CASE("redelivery counts in the same step, if asked to, and the lease starts anew") {
  Fixture fixture;
  Driver one = fixture.consumer("g", "one");
  Driver two = fixture.consumer("g", "two");
  one.publish("a");
  Token token = one.receive().at(0).token;
  std::vector<Delivered> got;
  CHECK(one.redeliver(token, got, false) == HoldStatus::mine);
  CHECK(got.at(0).token == token);
  fixture.host.pass(40s);
  CHECK(one.redeliver(token, got) == HoldStatus::mine);
  CHECK(got.at(0).token == Token{{1, 0}, 2});
  CHECK(one.redeliver(token, got) == HoldStatus::not_mine);
  fixture.host.pass(40s);
  CHECK(two.claim().tokens.empty());
  fixture.host.pass(20s);
  CHECK(two.claim().tokens == std::vector<Token>{{{1, 0}, 2}});
}

TEST_CASE("redelivery answers each token and hands out in the order of the tokens") {
  Fixture fixture;
  Driver one = fixture.consumer("g", "one");
  one.publish_all({"a", "b", "c"});
  auto held = one.receive();
  std::vector<Token> tokens{held[2].token, {{9, 0}, 1}, held[0].token};
  std::vector<HoldStatus> results(3);
  Collector sink;
  one.backend->redeliver(tokens, true, results, sink);
  CHECK(results == std::vector{HoldStatus::mine, HoldStatus::not_mine, HoldStatus::mine});
  CHECK(types_of(sink.deliveries) == Types{"c", "a"});
}

TEST_CASE("a claim follows its cursor through all that is pending, and wraps at the end") {
  Fixture fixture;
  Driver one = fixture.consumer("g", "one");
  Driver two = fixture.consumer("g", "two");
  for (int i = 0; i < 5; ++i) one.publish("a");
  one.receive();
  fixture.host.pass(60s);
  ClaimResult first = two.claim(60s, 2);
  CHECK(first.tokens.size() == 2);
  CHECK(first.next == Position{3, 0});
  ClaimResult second = two.claim(60s, 2, first.next);
  CHECK(second.tokens.at(0).position == Position{3, 0});
  ClaimResult third = two.claim(60s, 2, second.next);
  CHECK(third.tokens.size() == 1);
  CHECK(third.next == Position::first());
}

TEST_CASE("a claim that finds nothing to take pauses after a while, with its cursor") {
  Fixture fixture;
  Driver one = fixture.consumer("g", "one");
  Driver two = fixture.consumer("g", "two");
  for (int i = 0; i < 100; ++i) one.publish("a");
  auto held = one.receive(100);
  one.release(held[95].token);
  Cursor cursor{};
  int calls = 0;
  std::vector<Token> tokens;
  do {
    ClaimResult result = two.claim(60s, 2, cursor);
    CHECK(result.checked <= 20);
    tokens.insert(tokens.end(), result.tokens.begin(), result.tokens.end());
    cursor = result.next;
  } while (cursor != Position::first() && ++calls < 100);
  CHECK(tokens == std::vector<Token>{{{96, 0}, 0}});
}

TEST_CASE("a claim reports what was trimmed away, once") {
  Fixture fixture;
  Driver one = fixture.consumer("g", "one");
  Driver two = fixture.consumer("g", "two");
  one.publish_all({"a", "b"});
  one.receive();
  one.backend->retention()->trim({.hard_max_length = 1});
  fixture.host.pass(60s);
  ClaimResult result = two.claim();
  CHECK(result.lost == std::vector<Position>{{1, 0}});
  CHECK(result.tokens == std::vector<Token>{{{2, 0}, 1}});
  CHECK(two.claim().lost.empty());
}

TEST_CASE("resume pages through what this name held, and only that") {
  Fixture fixture;
  Driver other = fixture.consumer("g", "other");
  {
    Driver one = fixture.consumer("g", "one");
    one.publish_all({"a", "b", "c", "d"});
    one.receive(1);
    other.receive(1);
    one.receive(2);
  }
  Driver again = fixture.consumer("g", "one");
  std::vector<Token> tokens;
  Cursor next = again.backend->resume(2, {}, tokens);
  CHECK(tokens == std::vector<Token>{{{1, 0}, 1}, {{3, 0}, 1}});
  CHECK(next != Position::first());
  CHECK(again.backend->resume(2, next, tokens) == Position::first());
  CHECK(tokens.back() == Token{{4, 0}, 1});
  std::vector<Delivered> got;
  CHECK(again.redeliver(tokens[0], got) == HoldStatus::mine);
  CHECK(got.at(0).token.attempt == 2);
}

}  // namespace eventbus::driver_tests
