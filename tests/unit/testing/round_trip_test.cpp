// Events that are encoded and decoded on their way, as on a backend that leaves the process.
#include <catch2/catch_test_macros.hpp>
#include <limits>

#include "orders.hpp"

namespace eventbus::testing {
namespace {

TEST_CASE("with a round trip a handler gets a decoded copy, without one the published object itself") {
  for (const bool encoded : {false, true}) {
    TestBus test({}, {.round_trip = encoded});
    const OrderCreated* seen = nullptr;
    bool object = false;
    auto kept = test.bus().subscribe<OrderCreated>([&](const OrderCreated& created, const Event& event) {
      seen = &created;
      object = event.payload.as<OrderCreated>() != nullptr;
      CHECK(created.customer_id == "c-1");
    });
    publish(test.bus(), OrderCreated{"c-1", 1.5}, {.aggregate_id = "order-7", .headers = {{"shop", "a=b"}}});
    test.run_until_idle();
    CHECK(seen != nullptr);
    CHECK(object == !encoded);
    CHECK(test.handled().at(0).event.headers.get("shop") == "a=b");
    CHECK(test.handled().at(0).event.aggregate_id == "order-7");
  }
}

TEST_CASE("with a round trip each attempt decodes anew") {
  TestBus test({}, {.round_trip = true});
  std::vector<std::shared_ptr<const OrderCreated>> seen;
  auto kept = test.bus().subscribe<OrderCreated>([&](const OrderCreated&, const Event& event) {
    seen.push_back(decode<OrderCreated>(event));
    return seen.size() < 3 ? Outcome::retry() : Outcome::ack();
  });
  publish(test.bus(), OrderCreated{"c-1", 1.5});
  test.run_until_idle();
  REQUIRE(seen.size() == 3);
  CHECK(seen[0] != seen[1]);
  CHECK(seen[1] != seen[2]);
}

TEST_CASE("with a round trip what can't be encoded is refused when it is published") {
  const OrderCreated endless{"c-1", std::numeric_limits<double>::infinity()};
  TestBus plain;
  CHECK_NOTHROW(publish(plain.bus(), endless));
  TestBus test({}, {.round_trip = true});
  CHECK_THROWS_AS(publish(test.bus(), endless), Error);
  CHECK(test.expect_published<OrderCreated>(0));
}

TEST_CASE("with a round trip the limit of a payload holds for objects") {
  BusConfig config;
  config.max_payload_bytes = 20;
  TestBus test(config, {.round_trip = true});
  CHECK_THROWS_AS(publish(test.bus(), OrderCreated{std::string(100, 'x'), 1}), Error);
}

}  // namespace
}  // namespace eventbus::testing
