// C. Consuming and acknowledging: typed handlers
#include <eventbus/typed.hpp>

#include "harness.hpp"

namespace eventbus::conformance {
namespace {

struct Line {
  std::string sku;
  int quantity = 0;
};
EVENTBUS_FIELDS(Line, sku, quantity)

struct OrderPlaced {
  std::string customer_id;
  std::vector<Line> lines;
  std::optional<std::string> note;
};
EVENTBUS_EVENT(OrderPlaced, customer_id, lines, note)

TEST_CASE("a typed event reaches its handlers with the values that were published", "[C][C.33]") {
  Stream stream;
  Recorder recorder;
  auto bus = stream.connect();
  auto subscription =
      bus->subscribe<OrderPlaced>("typed", [&](const OrderPlaced& order, const Event& event, const Delivery& delivery) {
        Event told = event;
        told.payload = Payload(order.customer_id + " " + order.lines.at(1).sku + " " + order.note.value_or("-"));
        recorder.add(told, delivery);
      });
  bus->start_consuming();
  publish(*bus, OrderPlaced{"c-1", {{"a", 1}, {"b", 2}}, {}}, {.aggregate_id = "order-7", .aggregate_version = 3});
  REQUIRE(recorder.wait_for(1));
  const Event event = recorder.all().front().event;
  CHECK(event.payload.bytes() == "c-1 b -");
  CHECK(event.type == "OrderPlaced");
  CHECK(event.aggregate_id == "order-7");
  CHECK(event.aggregate_version == 3);
}

TEST_CASE("an event that does not fit its handler's type becomes a dead letter that names the field, at once",
          "[C][C.33]") {
  Stream stream;
  Recorder recorder;
  auto bus = stream.connect({{"max_retries", "3"}, {"retry.initial_ms", "60000"}, {"retry.max_ms", "60000"}});
  need(bus->capabilities().dead_letters, "dead letters");
  auto typed = bus->subscribe<OrderPlaced>("typed", [&](const OrderPlaced&, const Event& event,
                                                        const Delivery& delivery) { recorder.add(event, delivery); });
  auto untyped = bus->subscribe("OrderPlaced", recorder.handler());
  bus->start_consuming();
  bus->publish(make_event("OrderPlaced", R"({"customer_id": "c-1", "lines": [{"sku": "a", "quantity": "two"}]})"));
  publish(*bus, OrderPlaced{"c-1", {}, {}});
  REQUIRE(eventually([&] { return bus->dead_letters().entries.size() == 1; }));
  const DeadLetter letter = bus->dead_letters().entries.front();
  CHECK(letter.reason ==
        "typed: cannot decode event 'OrderPlaced': field 'lines[0].quantity' must be a whole number, found the text "
        "\"two\"");
  CHECK(letter.handler == "typed");
  CHECK(letter.attempts == 1);
  REQUIRE(recorder.wait_for(3));  // the untyped handler got both, the typed one what fits
  REQUIRE(eventually([&] { return adds_up(bus->stats()); }));
  CHECK(bus->stats().retried == 0);
  CHECK(bus->stats().consumed == 2);
}

}  // namespace
}  // namespace eventbus::conformance
