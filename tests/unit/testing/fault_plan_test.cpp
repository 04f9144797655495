// Faults of the transport, on a bus that the test drives, and on one with threads.
#include <catch2/catch_test_macros.hpp>
#include <future>

#include <eventbus/error.hpp>

#include "orders.hpp"

namespace eventbus::testing {
namespace {

using Status = PublishResult::Status;

struct Faulty {
  std::shared_ptr<FaultPlan> plan = std::make_shared<FaultPlan>();
  TestBus test{{}, {.faults = plan}};
};

TEST_CASE("the 2nd of three appends fails, and only that one") {
  Faulty faulty;
  faulty.plan->at_append(2).fail();
  const auto results = faulty.test.bus().publish_all({order("a"), order("b"), order("c")});
  CHECK(results[0].status == Status::written);
  CHECK(results[1].status == Status::rejected);
  CHECK(results[1].error->code() == ErrorCode::unavailable);
  CHECK(results[2].status == Status::written);
  CHECK(faulty.test.expect_published("order", 2));
  CHECK(faulty.plan->expect_all_happened());
}

TEST_CASE("an append whose reply is lost was written, and the publisher does not know") {
  Faulty faulty;
  faulty.plan->at_append(1).lose_reply();
  const auto results = faulty.test.bus().publish_all({order()});
  CHECK(results[0].status == Status::unknown);
  CHECK(faulty.test.expect_published("order", 1));
}

TEST_CASE("a duplicate comes twice, under one id") {
  Faulty faulty;
  faulty.plan->at_append(1).duplicate();
  std::vector<std::string> ids;
  auto kept = faulty.test.bus().subscribe("order", [&](const Event& event) { ids.push_back(event.id); });
  faulty.test.bus().publish(order());
  faulty.test.run_until_idle();
  REQUIRE(ids.size() == 2);
  CHECK(ids[0] == ids[1]);
}

TEST_CASE("a delay takes virtual time") {
  Faulty faulty;
  faulty.plan->at_append(1).delay(std::chrono::seconds(5));
  faulty.test.bus().publish(order());
  CHECK(faulty.test.clock().elapsed() == std::chrono::seconds(5));
}

TEST_CASE("a delivery whose reply is lost comes again, counted as one that was delivered") {
  Faulty faulty;
  faulty.plan->at_delivery(1).lose_reply();
  std::vector<std::uint32_t> attempts;
  auto kept = faulty.test.bus().subscribe(
      "order", [&](const Event&, const Delivery& delivery) { attempts.push_back(delivery.attempt()); });
  faulty.test.bus().publish(order());
  faulty.test.run_until_idle();
  faulty.test.advance(std::chrono::minutes(3));
  CHECK(attempts.size() == 1);
  CHECK(faulty.plan->expect_all_happened());
  CHECK(pending(faulty.test) == 0);
}

TEST_CASE("a settlement that fails is tried again, and the handler is not") {
  Faulty faulty;
  faulty.plan->at_settlement(1).fail();
  auto kept = faulty.test.bus().subscribe("order", [](const Event&) {});
  faulty.test.bus().publish(order());
  faulty.test.run_until_idle();
  CHECK(faulty.plan->count(FaultPlan::Step::settlement) == 2);
  CHECK(faulty.test.expect_handled("order", 1));
  CHECK(pending(faulty.test) == 0);
}

TEST_CASE("a settlement whose reply is lost is settled once") {
  Faulty faulty;
  faulty.plan->at_settlement(1).lose_reply();
  auto kept = faulty.test.bus().subscribe("order", [](const Event&) {});
  faulty.test.bus().publish(order());
  faulty.test.run_until_idle();
  CHECK(faulty.test.expect_handled("order", 1));
  CHECK(pending(faulty.test) == 0);
}

TEST_CASE("a consumer that crashes before it settles leaves the event to another, one that crashes after it does not") {
  for (const bool after : {false, true}) {
    auto plan = std::make_shared<FaultPlan>();
    after ? plan->at_settlement(1).crash_after() : plan->at_settlement(1).crash_before();
    TestBus one(named("one"), {.faults = plan});
    TestBus two(named("two"), one);
    auto first = one.bus().subscribe("order", [](const Event&) {});
    one.bus().publish(order());
    while (!one.crashed()) one.step();
    auto second = two.bus().subscribe("order", [](const Event&) {});
    two.advance(std::chrono::minutes(3));
    CHECK(two.expect_handled("order", after ? 0 : 1));
    CHECK(plan->expect_all_happened());
  }
}

TEST_CASE("a publisher that crashes in an append does or does not leave the event, as planned") {
  for (const bool after : {false, true}) {
    Faulty faulty;
    after ? faulty.plan->at_append(1).crash_after() : faulty.plan->at_append(1).crash_before();
    CHECK_THROWS_AS(faulty.test.bus().publish(order()), Error);
    faulty.test.step();
    CHECK(faulty.test.crashed());
    CHECK(faulty.test.expect_published("order", after ? 1 : 0));
  }
}

TEST_CASE("an event whose lease expired before it was seen is handled by two, and settled by one") {
  auto plan = std::make_shared<FaultPlan>();
  plan->at_delivery(1).expire_lease();
  TestBus slow(named("slow"), {.faults = plan});
  TestBus other(named("other"), slow);
  auto second = other.bus().subscribe("order", [](const Event&) {});
  auto first = slow.bus().subscribe("order", [&](const Event&) {
    slow.pause();
    other.run_until_idle();
    other.advance(std::chrono::seconds(40));
    slow.resume();
  });
  slow.bus().publish(order());
  while (slow.handled().empty()) slow.step();
  slow.run_until_idle();
  CHECK(slow.expect_handled("order", 1));
  CHECK(other.expect_handled("order", 1));
  CHECK(slow.bus().stats().lease_lost == 1);
}

TEST_CASE("renewals that fail do not end a lease that is renewed in time after them") {
  Faulty faulty;
  faulty.plan->at_renewal(1).fail();
  bool deferred = false;
  Deferred outcome;
  auto kept = faulty.test.bus().subscribe("order", [&](const Event&, const Delivery& delivery) {
    outcome = delivery.defer();
    deferred = true;
  });
  faulty.test.bus().publish(order());
  while (!deferred) faulty.test.step();
  faulty.test.advance(std::chrono::minutes(5));
  CHECK(outcome.settle(Outcome::ack()));
  faulty.test.run_until_idle();
  CHECK(faulty.test.bus().stats().lease_lost == 0);
  CHECK(faulty.plan->expect_all_happened());
}

TEST_CASE("a plan tells which faults never came, and refuses those that can't come any more") {
  Faulty faulty;
  faulty.plan->at_append(3).fail();
  faulty.test.bus().publish(order());
  const auto all = faulty.plan->expect_all_happened();
  CHECK_FALSE(all);
  CHECK(all.text().find("fail append 3: there were 1") != std::string::npos);
  CHECK_THROWS_AS(faulty.plan->at_append(1).fail(), Error);
  CHECK_THROWS_AS(faulty.plan->at_settlement(0).fail(), Error);
}

TEST_CASE("a plan works on a bus with threads too") {
  auto plan = std::make_shared<FaultPlan>();
  plan->at_append(2).fail();
  plan->at_delivery(1).lose_reply();
  BusConfig config;
  config.pending_idle = std::chrono::milliseconds(1000);
  config.backends["memory"] = R"({"broker": "fault-plan-with-threads"})";
  auto bus = open_bus_with_faults(config, plan);
  std::promise<std::string> first;
  auto kept = bus->subscribe("order", [&](const Event& event) { first.set_value(event.aggregate_id); });
  bus->connect();
  bus->start_consuming();
  bus->publish(order("a"));
  CHECK_THROWS_AS(bus->publish(order("b")), Error);
  auto handled = first.get_future();
  REQUIRE(handled.wait_for(std::chrono::seconds(30)) == std::future_status::ready);
  CHECK(handled.get() == "a");
  CHECK(plan->expect_all_happened());
}

}  // namespace
}  // namespace eventbus::testing
