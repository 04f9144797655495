// Typed handlers on the in-memory bus.
#include <atomic>
#include <memory>

#include <catch2/catch_test_macros.hpp>

#include <eventbus/open_bus.hpp>

#include "shop.hpp"
#include "support.hpp"

namespace eventbus::typed_test {
namespace {

using shop::OrderCancelled;
using shop::OrderCreated;
using shop::OrderShipped;

// Inline dispatch: the handlers have run when publish returns.
std::unique_ptr<EventBus> inline_bus(std::string broker) {
  auto bus = open_bus_from_json(
      R"({"log": {"level": "off"}, "retry": {"initial_ms": 1}, "backends": {"memory": {"dispatch": "inline", "broker": ")" +
      broker + R"("}}})");
  bus->connect();
  return bus;
}

TEST_CASE("a handler gets the published object itself, and nothing is encoded") {
  shop::Counted::encoded = shop::Counted::decoded = 0;
  auto bus = inline_bus("typed itself");
  std::vector<const void*> seen;
  auto one = bus->subscribe<shop::Counted>([&](const shop::Counted& it) { seen.push_back(&it); });
  auto two = bus->subscribe<shop::Counted>("second", [&](const shop::Counted& it) { seen.push_back(&it); });
  bus->start_consuming();
  Event event = make_event(shop::Counted{1});
  const void* published = event.payload.as<shop::Counted>();
  bus->publish(std::move(event));
  CHECK(seen == std::vector<const void*>{published, published});
  CHECK(shop::Counted::encoded == 0);
  CHECK(shop::Counted::decoded == 0);
}

TEST_CASE("an event published as bytes is decoded once, however many handlers take it") {
  shop::Counted::decoded = 0;
  auto bus = inline_bus("typed once");
  int sum = 0;
  std::vector<Subscription> subscriptions;
  for (int i = 0; i < 3; ++i) {
    subscriptions.push_back(bus->subscribe<shop::Counted>([&](const shop::Counted& it) { sum += it.value; }));
  }
  bus->start_consuming();
  bus->publish({.type = "counted", .payload = R"({"value": 7})"});
  CHECK(sum == 21);
  CHECK(shop::Counted::decoded == 1);
}

TEST_CASE("a handler takes the event and the delivery as well where it wants them") {
  auto bus = inline_bus("typed forms");
  std::vector<std::string> seen;
  auto add = [&](const char* form, const OrderShipped& it) { seen.push_back(form + (" " + it.tracking_number)); };
  std::vector<Subscription> subscriptions;
  subscriptions.push_back(bus->subscribe<OrderShipped>([&](const OrderShipped& it) { add("alone", it); }));
  subscriptions.push_back(bus->subscribe<OrderShipped>(
      [&](const OrderShipped& it, const Event& event) { add(event.aggregate_id.c_str(), it); }));
  subscriptions.push_back(bus->subscribe<OrderShipped>([&](const OrderShipped& it, const Delivery& delivery) {
    add(delivery.attempt() == 1 ? "first" : "again", it);
    return Outcome::ack();
  }));
  subscriptions.push_back(
      bus->subscribe<OrderShipped>([&](const OrderShipped& it, const Event&, const Delivery&) { add("all", it); }));
  subscriptions.push_back(bus->subscribe<OrderShipped>([&](const auto& it) { add("generic", it); }));
  bus->start_consuming();
  publish(*bus, OrderShipped{"t"}, {.aggregate_id = "order-7"});
  CHECK(seen == std::vector<std::string>{"alone t", "order-7 t", "first t", "all t", "generic t"});
}

TEST_CASE("the outcome of a typed handler counts, and its name is told") {
  auto bus = inline_bus("typed outcome");
  auto subscription =
      bus->subscribe<OrderCreated>("pricing", [](const OrderCreated&) { return Outcome::dead_letter("too cheap"); });
  bus->start_consuming();
  publish(*bus, OrderCreated{"c", 0, {}});
  bus->stop_consuming();
  const auto letters = bus->dead_letters();
  REQUIRE(letters.entries.size() == 1);
  CHECK(letters.entries[0].handler == "pricing");
  CHECK(letters.entries[0].reason == "too cheap");
}

TEST_CASE("what a typed handler throws is a failed attempt, not a misfit") {
  Watch watch;
  int calls = 0;
  auto bus = inline_bus("typed throw");
  auto subscription = bus->subscribe<OrderCreated>([&](const OrderCreated&) {
    watch.change([&] { ++calls; });
    if (calls == 1) throw Error(ErrorCode::invalid_argument, "the handler's own");
  });
  bus->start_consuming();
  publish(*bus, OrderCreated{"c", 0, {}});
  CHECK(watch.wait([&] { return calls == 2; }));
  bus->stop_consuming();
  CHECK(bus->dead_letters().entries.empty());
}

struct Statistics {
  int orders = 0;
  double revenue = 0;
  int shipped = 0;
  int cancelled = 0;
  void handle(const OrderCreated& order) {
    ++orders;
    revenue += order.total_amount;
  }
  void handle(const OrderShipped&, const Event& event) { shipped += event.aggregate_id == "order-1"; }
  Outcome handle(const OrderCancelled&, const Delivery&) {
    ++cancelled;
    return Outcome::ack();
  }
};

TEST_CASE("a subscriber object takes several types, and one token ends them all") {
  auto bus = inline_bus("typed subscriber");
  Statistics statistics;
  auto subscription = subscribe_all<OrderCreated, OrderShipped, OrderCancelled>(*bus, statistics, "statistics");
  CHECK(bus->subscriber_count() == 1);
  CHECK(bus->subscriber_count("OrderShipped") == 1);
  bus->start_consuming();
  publish(*bus, OrderCreated{"c", 10, {}});
  publish(*bus, OrderCreated{"c", 5, {}});
  publish(*bus, OrderShipped{"t"}, {.aggregate_id = "order-1"});
  publish(*bus, OrderCancelled{});
  CHECK(statistics.orders == 2);
  CHECK(statistics.revenue == 15);
  CHECK(statistics.shipped == 1);
  CHECK(statistics.cancelled == 1);
  subscription.reset();
  CHECK(bus->subscriber_count("OrderCreated") == 0);
}

TEST_CASE("a shared subscriber lives as long as its subscription") {
  auto bus = inline_bus("typed shared subscriber");
  auto statistics = std::make_shared<Statistics>();
  std::weak_ptr<Statistics> watched = statistics;
  auto subscription = subscribe_all<OrderCreated>(*bus, std::move(statistics));
  CHECK_FALSE(watched.expired());
  subscription.reset();
  CHECK(watched.expired());
  CHECK(error_of([&] { subscribe_all<OrderCreated>(*bus, std::shared_ptr<Statistics>()).detach(); })->code() ==
        ErrorCode::invalid_argument);
}

TEST_CASE("an empty typed handler is refused") {
  auto bus = inline_bus("typed empty");
  const std::function<void(const OrderCreated&)> nothing;
  const auto error = error_of([&] { bus->subscribe<OrderCreated>(nothing).detach(); });
  REQUIRE(error);
  CHECK(error->code() == ErrorCode::invalid_argument);
}

TEST_CASE("a handler with a registry of its own takes that one's upcasters") {
  struct Local {
    static nlohmann::json step(nlohmann::json) {
      return {{"express", true},
              {"lines", nlohmann::json::array()},
              {"currency", "USD"},
              {"scores", nlohmann::json::object()},
              {"due", "2018-04-05T17:31:00Z"},
              {"gaps", nlohmann::json::array()}};
    }
  };
  EventRegistry registry;
  registry.upcast<shop::detailed::Placed>(1, &Local::step);
  registry.upcast<shop::detailed::Placed>(2, [](nlohmann::json it) { return it; });
  auto bus = inline_bus("typed registry");
  bool express = false;
  auto subscription = bus->subscribe<shop::detailed::Placed>(
      "own", [&](const shop::detailed::Placed& order) { express = order.express; }, registry);
  bus->start_consuming();
  bus->publish({.type = "order.placed", .payload = "{}"});
  CHECK(express);
}

TEST_CASE("typed events go out in lists and in the background") {
  auto bus = inline_bus("typed lists");
  std::vector<std::string> seen;
  auto subscription = bus->subscribe<OrderShipped>([&](const OrderShipped& it) { seen.push_back(it.tracking_number); });
  bus->start_consuming();
  const auto results = bus->publish_all({make_event(OrderShipped{"1"}), make_event(OrderShipped{"2"})});
  CHECK(results.size() == 2);
  publish_background(*bus, OrderShipped{"3"});
  REQUIRE(bus->flush(deadline));
  CHECK(seen == std::vector<std::string>{"1", "2", "3"});
}

}  // namespace
}  // namespace eventbus::typed_test
