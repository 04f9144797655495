// A handler and its tests, with Catch2. googletest.cpp has the same with GoogleTest.
#include <catch2/catch_test_macros.hpp>

#include <eventbus/testing/typed.hpp>

#include "common/watched.hpp"
#include "testing_handlers/bank.hpp"

using namespace eventbus;
using namespace eventbus::testing;
using namespace shop;

TEST_CASE("an order is charged once, and told") {
  TestBus test;
  TestBank bank;
  auto subscription = test.bus().subscribe<OrderCreated>(billing(test.bus(), bank));
  publish(test.bus(), OrderCreated{"c-1", 99.99}, of_order("order-7", 1));
  test.run_until_idle();
  CHECK(bank.charged == std::vector<std::string>{"c-1"});
  CHECK(test.expect_published<OrderPaid>(1, [](const OrderPaid& paid) { return paid.amount == 99.99; }));
}

TEST_CASE("a bank out of reach is tried again, with backoff") {
  TestBus test;
  TestBank bank;
  bank.out_of_reach = 2;
  auto subscription = test.bus().subscribe<OrderCreated>(billing(test.bus(), bank));
  publish(test.bus(), OrderCreated{"c-1", 99.99}, of_order("order-7", 1));
  test.run_until_idle();
  CHECK(test.handled().size() == 3);
  CHECK(test.clock().elapsed() >= std::chrono::seconds(2));  // of virtual time: about 1 s, then 2 s
  CHECK(test.expect_handled<OrderCreated>(1));
}

TEST_CASE("a bank that stays away makes a dead letter, and a replay charges") {
  TestBus test;
  TestBank bank;
  bank.out_of_reach = 4;  // the first attempt and three retries
  auto subscription = test.bus().subscribe<OrderCreated>(billing(test.bus(), bank));
  publish(test.bus(), OrderCreated{"c-1", 99.99}, of_order("order-7", 1));
  test.run_until_idle();
  REQUIRE(test.expect_dead_letters(1, "the bank does not answer"));
  test.bus().replay_dead_letter(test.dead_letters().front().position, "");
  test.run_until_idle();
  CHECK(bank.charged.size() == 1);
  CHECK(test.expect_dead_letters(0));
}

TEST_CASE("three retries, a lost lease and a dead letter, in ten lines and no real time") {
  TestBus one, two({}, one);
  TestBank bank;
  bank.out_of_reach = 4;
  auto first = one.bus().subscribe<OrderCreated>(billing(one.bus(), bank));
  publish(one.bus(), OrderCreated{"c-1", 99.99});
  while (one.handled().empty()) one.step();
  one.crash();  // its lease has to end before anybody else may have the order
  auto second = two.bus().subscribe<OrderCreated>(billing(two.bus(), bank));
  two.advance(std::chrono::minutes(2));
  CHECK(two.handled().size() == 3);
  CHECK(two.expect_dead_letters(1, "the bank does not answer"));
}

TEST_CASE("an order for nothing is a dead letter at once") {
  TestBus test;
  TestBank bank;
  auto subscription = test.bus().subscribe<OrderCreated>(billing(test.bus(), bank));
  publish(test.bus(), OrderCreated{"c-1", 0}, of_order("order-7", 1));
  test.run_until_idle();
  CHECK(test.handled().size() == 1);
  CHECK(test.expect_dead_letters(1, "more than nothing"));
}

TEST_CASE("a crash between the charge and the acknowledgement charges again: at least once is the promise") {
  auto faults = std::make_shared<FaultPlan>();
  faults->at_settlement(1).crash_before();
  TestBus test({}, {.faults = faults});
  TestBank bank;
  auto subscription = test.bus().subscribe<OrderCreated>(billing(test.bus(), bank));
  publish(test.bus(), OrderCreated{"c-1", 99.99}, of_order("order-7", 1));
  while (!test.crashed()) test.step();
  test.restart();
  subscription = test.bus().subscribe<OrderCreated>(billing(test.bus(), bank));
  test.run_until_idle();
  CHECK(bank.charged.size() == 2);
  CHECK(faults->expect_all_happened());
}

TEST_CASE("whatever the order of events, a duplicate charges nobody") {
  CHECK(explore([](Scheduler& scheduler) {
    auto faults = std::make_shared<FaultPlan>();
    faults->at_append(1).duplicate();
    TestBus test({.concurrency = 2}, {.round_trip = true, .faults = faults, .scheduler = &scheduler});
    TestBank bank;
    auto subscription = test.bus().subscribe<OrderCreated>(billing_once(test.bus(), bank));
    publish(test.bus(), OrderCreated{"c-1", 99.99});
    test.run_until_idle();
    return test.expect_published<OrderPaid>(1);
  }));
}

TEST_CASE("what passes here passes where it is deployed") {
  auto bus = open_bus(config_of_this_run("testing-handlers"));  // in memory, or what EVENTBUS_BACKEND says
  TestBank bank;
  Watched<int> paid;
  bus->connect();
  auto charges = bus->subscribe<OrderCreated>(billing_once(*bus, bank));
  auto counts = bus->subscribe<OrderPaid>([&](const OrderPaid&) { paid.change([](int& count) { ++count; }); });
  bus->start_consuming();
  publish(*bus, OrderCreated{"c-1", 99.99}, of_order("order-7", 1));
  CHECK(paid.wait([](int count) { return count == 1; }));
  bus->stop_consuming();
  CHECK(bank.charged == std::vector<std::string>{"c-1"});
}
