// A handler tested with the installed testing library.
#include <eventbus/testing/fault_plan.hpp>
#include <eventbus/testing/scheduler.hpp>
#include <eventbus/testing/test_bus.hpp>
#include <iostream>
#include <stdexcept>

namespace {

eventbus::testing::Expectation handles_a_duplicate_twice(eventbus::testing::Scheduler& scheduler) {
  auto faults = std::make_shared<eventbus::testing::FaultPlan>();
  faults->at_append(1).duplicate();
  eventbus::testing::TestBus test({.concurrency = 2}, {.faults = faults, .scheduler = &scheduler});
  auto subscription = test.bus().subscribe("OrderCreated", [](const eventbus::Event&) {});
  test.bus().publish({.type = "OrderCreated"});
  test.run_until_idle();
  return test.expect_handled("OrderCreated", 2);
}

}  // namespace

int main() {
  auto explored = eventbus::testing::explore(handles_a_duplicate_twice, {.runs = 20});
  if (!explored) std::cerr << explored;
  eventbus::testing::TestBus test;
  auto subscription = test.bus().subscribe(
      "OrderCreated", [](const eventbus::Event&) { throw std::runtime_error("the customer is unknown"); });
  test.bus().publish({.type = "OrderCreated", .payload = "one"});
  test.run_until_idle();
  auto died = test.expect_dead_letters(1, "the customer is unknown");
  if (!died) std::cerr << died;
  return died && explored ? 0 : 1;
}
