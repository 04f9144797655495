// Interleavings by seed: what they find, and that a seed finds it again.
#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <map>
#include <mutex>
#include <set>
#include <stdexcept>

#include <eventbus/once.hpp>

#include "orders.hpp"

namespace eventbus::testing {
namespace {

BusConfig workers(std::uint32_t count) {
  BusConfig config;
  config.concurrency = count;
  return config;
}

// The order's handler trusts that its customer was handled before: true only as long as they run one after another.
Expectation customers_come_first(Scheduler& scheduler, std::uint32_t concurrency) {
  TestBus test(workers(concurrency), {.scheduler = &scheduler});
  std::set<std::string> customers;
  auto one = test.bus().subscribe<CustomerAdded>(
      "customers", [&](const CustomerAdded& added) { customers.insert(added.customer_id); });
  bool known = true;
  auto two = test.bus().subscribe<OrderCreated>(
      "orders", [&](const OrderCreated& created) { known = known && customers.contains(created.customer_id); });
  publish(test.bus(), CustomerAdded{"c-1"}, {.aggregate_id = "customer-1"});
  publish(test.bus(), OrderCreated{"c-1", 5}, {.aggregate_id = "order-1"});
  test.run_until_idle();
  return {known, "an order came before its customer\n"};
}

// Looks whether it has done the work, does it, and remembers: another worker may come in between.
Expectation bills_once(Scheduler& scheduler, bool guarded) {
  auto duplicate = std::make_shared<FaultPlan>();
  duplicate->at_append(1).duplicate();
  TestBus test(workers(2), {.faults = duplicate, .scheduler = &scheduler});
  std::set<std::string> billed;
  Handler billing = typed_handler<OrderCreated>("billing", [&](const OrderCreated& created, const Event& event) {
    if (!guarded && billed.contains(event.id)) return;
    publish(test.bus(), OrderInvoiced{created.customer_id});
    billed.insert(event.id);
  });
  if (guarded) billing = once(std::move(billing), test.bus().idempotency_store());
  auto kept = test.bus().subscribe<OrderCreated>(std::move(billing));
  publish(test.bus(), OrderCreated{"c-1", 5});
  test.run_until_idle();
  return test.expect_published<OrderInvoiced>(1);
}

std::uint64_t seed_in(const std::string& text) {
  const std::string mark = "explore: seed ";
  REQUIRE(text.starts_with(mark));
  return std::stoull(text.substr(mark.size()));
}

// From the second line on: what failed, and what ran.
std::string told(const Expectation& result) { return result.text().substr(result.text().find('\n')); }

template <class Test>
void check_found_and_reproduced(Test&& test, const std::string& what) {
  const Expectation found = explore(test);
  INFO(found.text());
  REQUIRE_FALSE(found);
  CHECK(found.text().find(what) != std::string::npos);
  CHECK(found.text().find("begins") != std::string::npos);
  const std::uint64_t seed = seed_in(found.text());
  for (int i = 0; i < 3; ++i) {
    const Expectation again = explore(test, {.runs = 1, .first_seed = seed});
    REQUIRE_FALSE(again);
    CHECK(told(again) == told(found));
  }
}

TEST_CASE("exploring finds a handler that trusts in an order across aggregates, and its seed finds it again") {
  check_found_and_reproduced([](Scheduler& scheduler) { return customers_come_first(scheduler, 2); },
                             "an order came before its customer");
}

TEST_CASE("exploring finds a handler that runs twice for a duplicate, and its seed finds it again") {
  check_found_and_reproduced([](Scheduler& scheduler) { return bills_once(scheduler, false); },
                             "expected 1 event 'OrderInvoiced', came 2");
}

TEST_CASE("exploring finds nothing where the bugs are mended") {
  CHECK(explore([](Scheduler& scheduler) { return customers_come_first(scheduler, 1); }));
  CHECK(explore([](Scheduler& scheduler) { return bills_once(scheduler, true); }));
}

TEST_CASE("the seed in EVENTBUS_TEST_SEED is run alone") {
  setenv("EVENTBUS_TEST_SEED", "77", 1);
  std::vector<std::uint64_t> seeds;
  CHECK(explore([&](Scheduler& scheduler) {
    seeds.push_back(scheduler.seed());
    return Expectation(true, "");
  }));
  setenv("EVENTBUS_TEST_SEED", "seven", 1);
  CHECK_THROWS_AS(explore([](Scheduler&) { return Expectation(true, ""); }), Error);
  unsetenv("EVENTBUS_TEST_SEED");
  CHECK(seeds == std::vector<std::uint64_t>{77});
}

TEST_CASE("whatever the seed, events of one aggregate are handled in order, and never two at once") {
  CHECK(explore([](Scheduler& scheduler) {
    TestBus one(workers(3), {.scheduler = &scheduler});
    std::map<std::string, std::int64_t> last;
    std::set<std::string> inside;
    bool held = true;
    auto kept = one.bus().subscribe("order", [&](const Event& event) {
      held = held && inside.insert(event.aggregate_id).second;
      interleave();
      held = held && last[event.aggregate_id]++ == event.aggregate_version;
      interleave();
      inside.erase(event.aggregate_id);
    });
    for (std::int64_t version = 0; version < 5; ++version) {
      for (const char* id : {"a", "b", "c", "d"}) {
        Event event = order(id);
        event.aggregate_version = version;
        one.bus().publish(event);
      }
    }
    one.run_until_idle();
    if (!held) return Expectation(false, "order broken\n");
    return one.expect_handled("order", 20);
  }));
}

TEST_CASE("a crash while handlers are suspended ends them, and loses no event") {
  CHECK(explore([](Scheduler& scheduler) {
    TestBus one(workers(3), {.scheduler = &scheduler});
    TestBus two(workers(2), one);
    std::set<std::string> done;
    auto handle = [&](const Event& event) {
      interleave();
      done.insert(event.aggregate_id);
    };
    auto first = one.bus().subscribe("order", handle);
    auto second = two.bus().subscribe("order", handle);
    for (const char* id : {"a", "b", "c", "d", "e", "f"}) one.bus().publish(order(id));
    for (std::size_t left = scheduler.choose(30); left > 0; --left) one.step();
    one.crash();
    two.run_until_idle();
    two.advance(std::chrono::minutes(3));
    return Expectation(done.size() == 6, "handled " + std::to_string(done.size()) + " of 6\n");
  }));
}

TEST_CASE("what a run throws is its failure, with the seed") {
  const Expectation thrown = explore([](Scheduler& scheduler) -> Expectation {
    TestBus test(workers(2), {.scheduler = &scheduler});
    auto kept = test.bus().subscribe("order", [&](const Event&) { test.bus().publish(order()); });
    test.bus().publish(order());
    test.run_until_idle(50);
    return {true, ""};
  });
  CHECK_FALSE(thrown);
  CHECK(thrown.text().find("seed 1 fails, run 1 of 200") != std::string::npos);
  CHECK(thrown.text().find("it threw: run_until_idle: cannot come to an end within 50 steps") != std::string::npos);
}

TEST_CASE("what a test framework throws is passed on") {
  struct Failure {};
  CHECK_THROWS_AS(explore([](Scheduler&) -> Expectation { throw Failure{}; }), Failure);
}

TEST_CASE("a handler that waits for a lock of one that is suspended lets that one go on, and gets it") {
  bool waited = false;
  for (std::uint64_t seed = 1; !waited; ++seed) {
    Scheduler scheduler(seed);
    TestBus test(workers(2), {.scheduler = &scheduler});
    std::mutex mutex;
    auto kept = test.bus().subscribe("order", [&](const Event&) {
      if (!mutex.try_lock()) {
        waited = true;
        mutex.lock();
      }
      std::lock_guard lock(mutex, std::adopt_lock);
      interleave();
    });
    test.bus().publish(order("a"));
    test.bus().publish(order("b"));
    test.run_until_idle();
    CHECK(test.expect_handled("order", 2));
  }
}

TEST_CASE("interleave does nothing where nobody schedules") {
  CHECK_NOTHROW(interleave());
  TestBus test;
  auto kept = test.bus().subscribe("order", [](const Event&) { interleave(); });
  test.bus().publish(order());
  test.run_until_idle();
  CHECK(test.expect_handled("order", 1));
}

}  // namespace
}  // namespace eventbus::testing
