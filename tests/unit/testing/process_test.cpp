// Processes that crash, begin anew, or stand still.
#include <catch2/catch_test_macros.hpp>

#include "orders.hpp"

namespace eventbus::testing {
namespace {

TEST_CASE("after a restart the same consumer takes up at once what it held when it crashed") {
  TestBus test;
  int handled = 0;
  auto first = test.bus().subscribe("order", [&](const Event&) {
    ++handled;
    test.crash();
  });
  test.bus().publish(order());
  test.run_until_idle();
  CHECK(handled == 1);
  CHECK(test.crashed());
  CHECK(test.handled().empty());  // a call that nobody saw the end of

  test.restart();
  CHECK_FALSE(test.crashed());
  auto second = test.bus().subscribe("order", [&](const Event&, const Delivery& delivery) {
    ++handled;
    CHECK(delivery.redelivered());
  });
  test.run_until_idle();
  CHECK(handled == 2);
  CHECK(test.expect_handled("order", 1));
}

TEST_CASE("what was published can be seen after a crash") {
  TestBus test;
  test.bus().publish(order());
  test.crash();
  CHECK(test.expect_published("order", 1));
  CHECK(test.expect_dead_letters(0));
  CHECK_THROWS_AS(test.bus().publish(order()), Error);
}

TEST_CASE("an event whose lease ran out in a pause is still its own to settle while nobody else took it") {
  TestBus slow(named("slow"));
  TestBus other(named("other"), slow);
  int handled = 0;
  auto first = slow.bus().subscribe("order", [&](const Event&) {
    ++handled;
    if (handled > 1) return;
    slow.pause();
    other.advance(std::chrono::minutes(3));
    slow.resume();
  });
  slow.bus().publish(order());
  slow.run_until_idle();
  CHECK(slow.handled().size() == 1);
  auto second = other.bus().subscribe("order", [&](const Event&) { ++handled; });
  slow.advance(std::chrono::minutes(3));
  CHECK(handled == 1);
  CHECK(pending(slow) == 0);
}

TEST_CASE("of an event whose lease ran out in a pause, another consumer's outcome counts") {
  TestBus slow(named("slow"));
  TestBus other(named("other"), slow);
  int by_other = 0;
  auto second = other.bus().subscribe("order", [&](const Event&) { ++by_other; });
  auto first = slow.bus().subscribe("order", [&](const Event&) {
    slow.pause();
    other.advance(std::chrono::minutes(3));
    slow.resume();
    throw std::runtime_error("too late to fail");
  });
  slow.bus().publish(order());
  while (slow.handled().empty()) slow.step();
  slow.run_until_idle();
  CHECK(by_other == 1);
  CHECK(slow.handled().size() == 1);
  CHECK(slow.expect_dead_letters(0));
  CHECK(pending(slow) == 0);
}

}  // namespace
}  // namespace eventbus::testing
