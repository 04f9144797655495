// Consumer names, opening and closing.
#include <catch2/catch_test_macros.hpp>

#include "calls.hpp"
#include "driver.hpp"

namespace eventbus::driver_tests {
using namespace under_test;

TEST_CASE("a consumer name is taken by one open backend at a time") {
  Fixture fixture;
  Driver holder = fixture.consumer("g", "c");
  Driver second(fixture.settings("g", "c"), fixture.host);
  CHECK(code_of([&] { second.backend->open(Role::consumer, {}); }) == ErrorCode::conflict);
  CHECK_NOTHROW(fixture.consumer("h", "c"));
  holder.backend->close();
  CHECK_NOTHROW(second.backend->open(Role::consumer, {}));
}

TEST_CASE("destroying a backend frees its name and leaves pending what it held") {
  Fixture fixture;
  Driver keeper = fixture.publisher();
  keeper.publish("a");
  { CHECK(fixture.consumer("g", "c").receive().size() == 1); }
  Driver again = fixture.consumer("g", "c");
  CHECK(again.receive().empty());
  std::vector<Token> tokens;
  CHECK(again.backend->resume(10, {}, tokens) == Position::first());
  CHECK(tokens == std::vector<Token>{{{1, 0}, 1}});
}

TEST_CASE("a refused name changes nothing") {
  Fixture fixture;
  Driver holder = fixture.consumer("g", "c");
  {
    Driver second(fixture.settings("g", "c"), fixture.host);
    CHECK_THROWS(second.backend->open(Role::consumer, {}));
  }
  Driver third(fixture.settings("g", "c"), fixture.host);
  CHECK_THROWS(third.backend->open(Role::consumer, {}));
  holder.publish("a");
  CHECK(holder.receive().size() == 1);
}

TEST_CASE("a closed consumer that holds nothing is no longer listed, one that holds something is") {
  Fixture fixture;
  Driver keeper = fixture.consumer("g", "keeper");
  keeper.publish("a");
  { Driver idle = fixture.consumer("g", "idle"); }
  CHECK(keeper.group("g").consumers.size() == 1);
  { fixture.consumer("g", "busy").receive(); }
  CHECK(keeper.group("g").consumers.size() == 2);
  fixture.host.pass(60s);
  keeper.claim();
  CHECK(keeper.group("g").consumers.size() == 1);
}

TEST_CASE("opening and closing are idempotent, and open may follow close") {
  Fixture fixture;
  Driver keeper = fixture.publisher();
  Driver consumer = fixture.consumer("g", "c");
  consumer.backend->open(Role::consumer, {});
  consumer.backend->open(Role::publisher, {});
  keeper.publish("a");
  CHECK(consumer.receive().size() == 1);
  consumer.backend->close();
  consumer.backend->close();
  consumer.backend->open(Role::consumer, {});
  keeper.publish("b");
  CHECK(types_of(consumer.receive()) == Types{"b"});
}

TEST_CASE("a backend that is not open refuses each call by name") {
  Fixture fixture;
  Driver driver(fixture.settings("g", "c"), fixture.host);
  CHECK(code_of([&] { driver.publish("a"); }) == ErrorCode::closed);
  CHECK(code_of([&] { driver.receive(); }) == ErrorCode::closed);
  CHECK(code_of([&] { driver.info(); }) == ErrorCode::closed);
  CHECK(code_of([&] { driver.letters(); }) == ErrorCode::closed);
  CHECK(code_of([&] { driver.history(); }) == ErrorCode::closed);
  CHECK(driver.ack({{1, 0}, 1}) == SettleStatus::failed);
  CHECK_NOTHROW(driver.backend->wake());
  driver.backend->open(Role::publisher, {});
  CHECK(code_of([&] { driver.claim(); }) == ErrorCode::closed);
}

}  // namespace eventbus::driver_tests
