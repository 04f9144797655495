// Buses that a test drives.
#include <catch2/catch_test_macros.hpp>
#include <stdexcept>

#include <eventbus/error.hpp>
#include <eventbus/testing/test_bus.hpp>

#include "orders.hpp"

namespace eventbus::testing {
namespace {

TEST_CASE("an event is handled when the test runs the bus, and not before") {
  TestBus test;
  int handled = 0;
  auto kept = test.bus().subscribe("order", [&](const Event&) { ++handled; });
  test.bus().publish(order());
  CHECK(handled == 0);
  test.run_until_idle();
  CHECK(handled == 1);
}

TEST_CASE("retries take virtual time and end in a dead letter") {
  TestBus test;
  int attempts = 0;
  auto kept = test.bus().subscribe("order", [&](const Event&) {
    ++attempts;
    throw std::runtime_error("no stock");
  });
  test.bus().publish(order());
  test.run_until_idle();
  CHECK(attempts > 1);
  CHECK(test.clock().elapsed() >= std::chrono::seconds(1));
  CHECK(test.bus().dead_letters().entries.size() == 1);
}

TEST_CASE("three retries, a lost lease and a dead letter take ten lines and no real time") {
  TestBus one(named("one"));
  TestBus two(named("two"), one);
  int attempts = 0;
  Handler failing("billing", [&](const Event&) { ++attempts, throw std::runtime_error("no stock"); });
  auto first = one.bus().subscribe("order", failing);
  one.bus().publish(order());
  while (attempts == 0) one.step();
  one.crash();  // its lease has to end before anybody else may have the event
  auto second = two.bus().subscribe("order", failing);
  two.run_until_idle();
  CHECK(attempts == 1);
  two.advance(std::chrono::minutes(2));
  CHECK(attempts == 4);
  CHECK(two.expect_dead_letters(1, "no stock"));
}

TEST_CASE("buses beside one another share a group's events, and run together") {
  TestBus one(named("one"));
  TestBus two(named("two"), one);
  int handled = 0;
  auto first = one.bus().subscribe("order", [&](const Event&) { ++handled; });
  auto second = two.bus().subscribe("order", [&](const Event&) { ++handled; });
  for (int i = 0; i < 10; ++i) one.bus().publish(order());
  one.run_until_idle();
  CHECK(handled == 10);
  CHECK(one.bus().stats().success >= 1);
  CHECK(two.bus().stats().success >= 1);
}

TEST_CASE("an expectation that is not met tells what was expected, what came, and the nearest miss") {
  TestBus test;
  Event event = order();
  event.aggregate_id = "order-7";
  event.payload = Payload(R"({"total": 5})");
  test.bus().publish(event);
  CHECK(test.expect_published("order", 1));
  CHECK(test.expect_published("invoice", 0));
  auto large = [](const Event& one) { return one.payload.bytes().find("99") != std::string_view::npos; };
  Expectation unmet = test.expect_published("order", 1, large);
  CHECK_FALSE(unmet);
  CHECK(unmet.text().find("expected 1 event 'order' that fit, came 0") != std::string::npos);
  CHECK(unmet.text().find("nearest misses") != std::string::npos);
  CHECK(unmet.text().find(R"(of order-7: {"total": 5})") != std::string::npos);
  CHECK(test.expect_published("invoice", 2).text().find("none of this type; others:") != std::string::npos);
  CHECK(test.expect_dead_letters(1).text().find("there are none at all") != std::string::npos);
}

TEST_CASE("a section of the backend that is no object is refused as open_bus refuses it") {
  for (const char* section : {"[1]", "{", "5"}) {
    BusConfig config;
    config.backends["memory"] = section;
    CHECK_THROWS_AS(TestBus(config), Error);
  }
}

TEST_CASE("a handler that feeds itself ends the run with an error") {
  TestBus test;
  auto kept = test.bus().subscribe("order", [&](const Event&) { test.bus().publish(order()); });
  test.bus().publish(order());
  CHECK_THROWS_AS(test.run_until_idle(100), Error);
}

}  // namespace
}  // namespace eventbus::testing
