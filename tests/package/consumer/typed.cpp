// A typed event through the installed package.
#include <cstdint>
#include <eventbus/open_bus.hpp>
#include <eventbus/typed.hpp>
#include <string>

struct OrderPaid {
  std::string order;
  std::int64_t cents = 0;
};
EVENTBUS_EVENT(OrderPaid, order, cents)

int main() {
  std::int64_t received = 0;
  auto bus = eventbus::open_bus_from_json(R"({"backends": {"memory": {"dispatch": "inline"}}})");
  auto subscription = bus->subscribe<OrderPaid>([&](const OrderPaid& paid) { received = paid.cents; });
  bus->connect();
  bus->start_consuming();
  eventbus::publish(*bus, OrderPaid{"order-7", 9999});
  return received == 9999 ? 0 : 1;
}
