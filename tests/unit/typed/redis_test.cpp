// Typed handlers over Redis, through the real plugin and a redis-server of the test's own.
#include <atomic>

#include <catch2/catch_test_macros.hpp>

#include <eventbus/once.hpp>
#include <eventbus/open_bus.hpp>

#include "redis_server.hpp"
#include "shop.hpp"
#include "store_contract.hpp"
#include "support.hpp"

namespace eventbus::typed_test {
namespace {

std::unique_ptr<EventBus> redis_bus(const std::string& prefix, const std::string& group = "g") {
  static testing::RedisServer server;
  BusConfig config;
  config.backend = EVENTBUS_REDIS_PLUGIN;
  config.stream_prefix = prefix;
  config.consumer_group = group;
  config.log_level = "off";
  config.backends["redis-streams"] = R"({"redis_url": ")" + server.url() + "\"}";
  config.pinned = {"redis-streams.redis_url"};
  auto bus = open_bus(config);
  bus->connect();
  return bus;
}

TEST_CASE("over Redis a typed event arrives whole, encoded once and decoded once however many handlers take it") {
  Watch watch;
  int calls = 0, sum = 0;
  auto bus = redis_bus("typed-once");
  auto handler = [&](const shop::Counted& it) {
    watch.change([&] {
      sum += it.value;
      ++calls;
    });
  };
  auto one = bus->subscribe<shop::Counted>(handler);
  auto two = bus->subscribe<shop::Counted>("second", handler);
  auto three = bus->subscribe<shop::Counted>("third", handler);
  shop::Counted::encoded = shop::Counted::decoded = 0;
  bus->start_consuming();
  publish(*bus, shop::Counted{7});
  REQUIRE(watch.wait([&] { return calls == 3; }));
  bus->stop_consuming();
  CHECK(sum == 21);
  CHECK(shop::Counted::encoded == 1);
  CHECK(shop::Counted::decoded == 1);
}

TEST_CASE("over Redis a projection sees values, aggregate and version as they were published") {
  Watch watch;
  std::optional<shop::detailed::Placed> got;
  Event told;
  auto bus = redis_bus("typed-projection");
  auto subscription =
      bus->subscribe<shop::detailed::Placed>([&](const shop::detailed::Placed& order, const Event& event) {
        watch.change([&] {
          got = order;
          told = event;
        });
      });
  bus->start_consuming();
  shop::detailed::Placed order;
  order.lines = {{{7}, 2, 0.1}};
  order.due = Timestamp(std::chrono::microseconds(1522949460000001));
  publish(*bus, order, {.aggregate_id = "order-7", .aggregate_type = "Order", .aggregate_version = 5});
  REQUIRE(watch.wait([&] { return got.has_value(); }));
  bus->stop_consuming();
  CHECK(*got == order);
  CHECK(told.aggregate_id == "order-7");
  CHECK(told.aggregate_version == 5);
  CHECK(told.headers.get(header::event_version) == "3");
}

TEST_CASE("over Redis what can't be encoded is refused at the publisher, and nothing is written") {
  auto bus = redis_bus("typed-refused");
  const auto error = error_of([&] { publish(*bus, shop::OrderShipped{"\xff"}); });
  REQUIRE(error);
  CHECK(error->code() == ErrorCode::invalid_argument);
  CHECK(bus->stream_info().length == 0);
}

TEST_CASE("the Redis backend's store keeps what a store must") {
  static std::atomic<int> streams{0};  // one a section
  auto bus = redis_bus("once-store-" + std::to_string(++streams));
  auto store = bus->idempotency_store();
  check_store(*store, [](auto condition) {
    for (const auto end = std::chrono::steady_clock::now() + deadline; std::chrono::steady_clock::now() < end;) {
      if (condition()) return true;
    }
    return false;
  });
}

TEST_CASE(
    "over Redis a duplicate runs once, also after a restart and beside another consumer; each group does its own") {
  Watch watch;
  int calls = 0;
  const auto count = [&](const shop::OrderShipped&) { watch.change([&] { ++calls; }); };
  auto consume = [&](EventBus& bus, const std::string& marker) {
    bool marked = false;
    auto one = bus.subscribe<shop::OrderShipped>(
        once(typed_handler<shop::OrderShipped>("mailer", count), bus.idempotency_store()));
    auto two = bus.subscribe(marker, [&](const Event&) { watch.change([&] { marked = true; }); });
    bus.start_consuming();
    for (int i = 0; i < 3; ++i) publish(bus, shop::OrderShipped{"t"}, {.id = "e-1"});
    bus.publish({.type = marker});
    REQUIRE(watch.wait([&] { return marked; }));
    bus.stop_consuming();
    CHECK(bus.stats().failed == 0);
  };
  consume(*redis_bus("once-twice"), "first life");
  CHECK(calls == 1);
  consume(*redis_bus("once-twice"), "second life");
  CHECK(calls == 1);
  consume(*redis_bus("once-twice", "another"), "another group");
  CHECK(calls == 2);
}

}  // namespace
}  // namespace eventbus::typed_test
