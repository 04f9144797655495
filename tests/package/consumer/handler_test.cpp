// A handler tested with the installed testing library.
#include <eventbus/testing/test_bus.hpp>
#include <iostream>
#include <stdexcept>

int main() {
  eventbus::testing::TestBus test;
  auto subscription = test.bus().subscribe(
      "OrderCreated", [](const eventbus::Event&) { throw std::runtime_error("the customer is unknown"); });
  test.bus().publish({.type = "OrderCreated", .payload = "one"});
  test.run_until_idle();
  auto died = test.expect_dead_letters(1, "the customer is unknown");
  if (!died) std::cerr << died;
  return died ? 0 : 1;
}
