// The snippets of docs/typed-events.md, as they stand there.
#include <catch2/catch_test_macros.hpp>

#include <eventbus/cloud_events.hpp>
#include <eventbus/once.hpp>
#include <eventbus/open_bus.hpp>
#include <eventbus/typed.hpp>

namespace docs {

using namespace eventbus;

struct Address {
  std::string street;
  std::optional<std::string> floor;
};
EVENTBUS_FIELDS(Address, street, floor)

struct OrderCreated {
  std::string customer_id;
  double total_amount = 0;
  std::vector<Address> stops;
};
EVENTBUS_EVENT(OrderCreated, customer_id, total_amount, stops)

struct OrderShipped {
  std::string tracking_number;
};
EVENTBUS_EVENT(OrderShipped, tracking_number)

struct Paid {
  int cents = 0;
};
EVENTBUS_EVENT_VERSION(Paid, 2, cents)

namespace {

std::unique_ptr<EventBus> inline_bus(const std::string& broker) {
  auto bus = open_bus_from_json(
      R"({"log": {"level": "off"}, "backends": {"memory": {"dispatch": "inline", "broker": ")" + broker + R"("}}})");
  bus->connect();
  return bus;
}

TEST_CASE("docs: publish and subscribe") {
  auto bus = inline_bus("docs publish");
  auto subscription = bus->subscribe<OrderCreated>("pricing", [](const OrderCreated& order, const Event& event) {
    if (order.total_amount < 0) return Outcome::dead_letter("negative amount in " + event.aggregate_id);
    return Outcome::ack();
  });
  bus->start_consuming();
  publish(*bus, OrderCreated{"cust-1", 99.99, {}}, {.aggregate_id = "order-7", .aggregate_version = 1});
  publish(*bus, OrderCreated{"cust-1", -1, {}}, {.aggregate_id = "order-8"});
  bus->publish(
      {.type = "OrderCreated", .payload = R"({"customer_id": "c", "total_amount": 1, "stops": [{"street": 5}]})"});
  bus->stop_consuming();
  const auto letters = bus->dead_letters().entries;
  REQUIRE(letters.size() == 2);
  CHECK(letters[0].reason == "negative amount in order-8");
  CHECK(letters[1].reason ==
        "typed: cannot decode event 'OrderCreated': field 'stops[0].street' must be text, found the number 5");
}

struct Statistics {
  int orders = 0, shipped = 0;
  void handle(const OrderCreated&) { ++orders; }
  void handle(const OrderShipped&, const Event&) { ++shipped; }
};

TEST_CASE("docs: a subscriber object, and what causes what") {
  auto bus = inline_bus("docs subscriber");
  Statistics statistics;
  auto counting = subscribe_all<OrderCreated, OrderShipped>(*bus, statistics, "statistics");
  Metadata effect;
  auto seeing =
      bus->subscribe<OrderShipped>([&](const OrderShipped&, const Event& event) { effect = metadata_of(event); });
  auto subscription = bus->subscribe<OrderCreated>([&](const OrderCreated&, const Event& event) {
    publish(*bus, OrderShipped{"track-1"}, {.aggregate_id = event.aggregate_id, .headers = caused_by(event)});
  });
  bus->start_consuming();
  publish(*bus, OrderCreated{}, {.headers = with_metadata({.tenant_id = "acme", .actor_id = "alice"})});
  CHECK(statistics.orders == 1);
  CHECK(statistics.shipped == 1);
  CHECK(effect.tenant_id == "acme");
  CHECK(effect.actor_id.empty());
  CHECK_FALSE(effect.causation_id.empty());
  CHECK(effect.correlation_id == effect.causation_id);
}

TEST_CASE("docs: names, versions, upcasters") {
  EventRegistry& registry = EventRegistry::process();  // or one of your own, given to subscribe
  registry.add<OrderCreated, Paid>();                  // a name that is taken is refused
  registry.upcast<Paid>(1, [](nlohmann::json old) {    // version 1 had whole units, version 2 has cents
    return nlohmann::json{{"cents", old.at("amount").get<int>() * 100}};
  });
  int total = 0;
  for (const Event& event :
       {make_event(Paid{5}), Event{.type = "Paid", .payload = R"({"amount": 2})"}, make_event(OrderCreated{})}) {
    DecodedEvent any = registry.decode(event);  // of whatever registered type
    if (const auto* paid = any.as<Paid>()) total += paid->cents;
  }
  CHECK(total == 205);
}

TEST_CASE("docs: CloudEvents") {
  const Event event = make_event(OrderShipped{"t"}, {.id = "e-1"});
  std::string json = to_cloud_event(event, "/shop/orders");
  Event back = from_cloud_event(json, "/shop/orders");
  CHECK(back == event);
}

TEST_CASE("docs: duplicates run once") {
  auto bus = inline_bus("docs once");
  int mails = 0;
  auto mailer = typed_handler<OrderCreated>("mailer", [&](const OrderCreated&) { ++mails; });
  auto subscription =
      bus->subscribe<OrderCreated>(once(mailer, bus->idempotency_store(), {.window = std::chrono::hours(48)}));
  bus->start_consuming();
  publish(*bus, OrderCreated{}, {.id = "e-1"});
  publish(*bus, OrderCreated{}, {.id = "e-1"});
  CHECK(mails == 1);
}

}  // namespace
}  // namespace docs
