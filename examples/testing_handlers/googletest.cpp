// A handler and its tests, with GoogleTest. catch2.cpp has the same with Catch2.
#include <gtest/gtest.h>

#include <eventbus/testing/typed.hpp>

#include "common/watched.hpp"
#include "testing_handlers/bank.hpp"

using namespace eventbus;
using namespace eventbus::testing;
using namespace shop;

class BillingTest : public ::testing::Test {
 protected:
  TestBus test;
  TestBank bank;
  Subscription subscription = test.bus().subscribe<OrderCreated>(billing(test.bus(), bank));

  void order(double amount) {
    publish(test.bus(), OrderCreated{"c-1", amount}, of_order("order-7", 1));
    test.run_until_idle();
  }
};

TEST_F(BillingTest, ChargesAnOrderOnceAndTellsIt) {
  order(99.99);
  EXPECT_EQ(bank.charged, std::vector<std::string>{"c-1"});
  EXPECT_TRUE(test.expect_published<OrderPaid>(1, [](const OrderPaid& paid) { return paid.amount == 99.99; }));
}

TEST_F(BillingTest, TriesAgainWithBackoffWhileTheBankIsOutOfReach) {
  bank.out_of_reach = 2;
  order(99.99);
  EXPECT_EQ(test.handled().size(), 3u);
  EXPECT_GE(test.clock().elapsed(), std::chrono::seconds(2));
  EXPECT_TRUE(test.expect_handled<OrderCreated>(1));
}

TEST_F(BillingTest, MakesADeadLetterWhenTheBankStaysAway) {
  bank.out_of_reach = 4;
  order(99.99);
  EXPECT_TRUE(test.expect_dead_letters(1, "the bank does not answer"));
  EXPECT_TRUE(bank.charged.empty());
}

TEST_F(BillingTest, LeavesTheOrderToAnotherConsumerWhenItCrashes) {
  TestBus other({}, test);
  order(0.01);
  publish(test.bus(), OrderCreated{"c-2", 5}, of_order("order-8", 1));
  while (test.bus().stats().consumed < 2) test.step();
  test.crash();
  auto takes_over = other.bus().subscribe<OrderCreated>(billing(other.bus(), bank));
  other.advance(std::chrono::minutes(2));
  EXPECT_EQ(bank.charged.back(), "c-2");
}

TEST(Billing, ChargesNobodyForADuplicateWhateverTheOrderOfEvents) {
  EXPECT_TRUE(explore([](Scheduler& scheduler) {
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

TEST(Billing, PassesWhereItIsDeployed) {
  auto bus = open_bus(config_of_this_run("testing-handlers"));  // in memory, or what EVENTBUS_BACKEND says
  TestBank bank;
  Watched<int> paid;
  bus->connect();
  auto charges = bus->subscribe<OrderCreated>(billing_once(*bus, bank));
  auto counts = bus->subscribe<OrderPaid>([&](const OrderPaid&) { paid.change([](int& count) { ++count; }); });
  bus->start_consuming();
  publish(*bus, OrderCreated{"c-1", 99.99}, of_order("order-7", 1));
  EXPECT_TRUE(paid.wait([](int count) { return count == 1; }));
  bus->stop_consuming();
  EXPECT_EQ(bank.charged, std::vector<std::string>{"c-1"});
}
