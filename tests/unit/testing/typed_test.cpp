// Expectations in terms of typed events.
#include <catch2/catch_test_macros.hpp>
#include <stdexcept>

#include "orders.hpp"

namespace eventbus::testing {
namespace {

TEST_CASE("what was published of a type comes back as its objects") {
  TestBus test;
  publish(test.bus(), OrderCreated{"c-1", 99.5});
  publish(test.bus(), OrderInvoiced{"c-1"});
  publish(test.bus(), OrderCreated{"c-2", 5});
  const auto orders = test.published<OrderCreated>();
  REQUIRE(orders.size() == 2);
  CHECK(orders[0].customer_id == "c-1");
  CHECK(orders[0].total_amount == 99.5);
  CHECK(orders[1].customer_id == "c-2");
}

TEST_CASE("a typed expectation counts the objects that fit, and shows the nearest miss") {
  TestBus test;
  publish(test.bus(), OrderCreated{"c-1", 99.5});
  publish(test.bus(), OrderCreated{"c-2", 5});
  CHECK(test.expect_published<OrderCreated>(2));
  CHECK(test.expect_published<OrderCreated>(1, [](const OrderCreated& order) { return order.total_amount > 50; }));
  const auto none =
      test.expect_published<OrderCreated>(1, [](const OrderCreated& order) { return order.total_amount > 500; });
  CHECK_FALSE(none);
  CHECK(none.text().find("nearest misses") != std::string::npos);
  CHECK(none.text().find(R"("customer_id":"c-1")") != std::string::npos);
}

TEST_CASE("an event that does not fit its type is a miss, and stops reading with an error") {
  TestBus test;
  Event foreign;
  foreign.type = event_name<OrderCreated>();
  foreign.payload = Payload(R"({"customer_id": 5})");
  test.bus().publish(foreign);
  CHECK(test.expect_published<OrderCreated>(0, [](const OrderCreated&) { return true; }));
  CHECK(test.expect_published<OrderCreated>(1));
  CHECK_THROWS_AS(test.published<OrderCreated>(), Error);
}

TEST_CASE("what handlers did is told call by call, with attempt and outcome") {
  TestBus test;
  int calls = 0;
  auto billing = test.bus().subscribe<OrderCreated>("billing", [&](const OrderCreated& order) {
    if (++calls < 3) throw std::runtime_error("no answer");
    publish(test.bus(), OrderInvoiced{order.customer_id});
  });
  publish(test.bus(), OrderCreated{"c-1", 99.5});
  test.run_until_idle();

  const auto& handled = test.handled();
  REQUIRE(handled.size() == 3);
  CHECK(handled[0].handler == "billing");
  CHECK(handled[0].attempt == 1);
  CHECK(handled[0].outcome->kind() == Outcome::Kind::retry);
  CHECK(handled[0].why == "no answer");
  CHECK(handled[2].attempt == 3);
  CHECK(handled[2].done());
  CHECK(test.expect_handled<OrderCreated>(1));
  CHECK(test.expect_published<OrderInvoiced>(1));
  const auto twice = test.expect_handled<OrderCreated>(2);
  CHECK_FALSE(twice);
  CHECK(twice.text().find("expected 2 handled events 'OrderCreated', came 1") != std::string::npos);
  CHECK(twice.text().find("billing, attempt 2, failed: no answer") != std::string::npos);
}

}  // namespace
}  // namespace eventbus::testing
