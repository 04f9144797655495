// A new projection is built from the stream's history while the old one stays as it is: no group is touched. Then it
// goes on live, right behind the last event it read.
#include <cstdio>
#include <exception>
#include <map>
#include <string>

#include "common/orders.hpp"
#include "common/watched.hpp"

namespace {

using eventbus::Event, eventbus::Position;
using shop::OrderCreated, shop::OrderShipped, shop::of_order, shop::Watched;

constexpr int orders = 250;

// What has run from the start: how many orders there are.
struct Counts {
  int created = 0, shipped = 0;
};

// What somebody asks for a year later: each customer's revenue.
using Revenue = std::map<std::string, double>;

struct Replayed {
  Revenue revenue;
  Position last{};  // of the last event that it holds
  int events = 0, pages = 0;
};

Replayed replay(eventbus::EventBus& bus) {
  eventbus::EventRegistry registry;
  registry.add<OrderCreated, OrderShipped>();
  Replayed replayed;
  eventbus::HistoryQuery query{.limit = 100};
  for (bool more = true; more;) {
    eventbus::HistoryPage page = bus.history(query);
    for (const eventbus::HistoryEntry& entry : page.entries) {
      const eventbus::DecodedEvent event = registry.decode(entry.event);
      if (const auto* order = event.as<OrderCreated>()) replayed.revenue[order->customer_id] += order->total_amount;
      replayed.last = entry.position;
      ++replayed.events;
    }
    std::printf("  page %d: %zu events, up to %s\n", ++replayed.pages, page.entries.size(),
                to_string(replayed.last).c_str());
    more = page.next.has_value();
    if (more) query.from = *page.next;
  }
  return replayed;
}

// What would change if a group were touched.
std::string groups_of(eventbus::EventBus& bus) {
  std::string text;
  for (const auto& group : bus.stream_info().groups) {
    text += group.name + " at " + to_string(group.last_delivered.value_or(Position{})) + ", pending " +
            std::to_string(group.pending) + "; ";
  }
  return text;
}

void publish_year(eventbus::EventBus& bus) {
  std::vector<Event> events;
  for (int i = 1; i <= orders; ++i) {
    const std::string id = "order-" + std::to_string(i);
    events.push_back(make_event(OrderCreated{"cust-" + std::to_string(i % 3), 10.0}, of_order(id, 1)));
    if (i % 2 == 0) events.push_back(make_event(OrderShipped{"track-" + std::to_string(i)}, of_order(id, 2)));
  }
  for (const eventbus::PublishResult& result : bus.publish_all(std::move(events))) {
    if (!result.written()) throw *result.error;
  }
}

int run() {
  shop::Outcomes outcomes;
  eventbus::BusConfig config = shop::config_of_this_run("replay");
  config.consumer_group = "counts";
  auto bus = eventbus::open_bus(config);
  bus->connect();
  Watched<Counts> counts;
  auto created =
      bus->subscribe<OrderCreated>([&](const OrderCreated&) { counts.change([](auto& c) { ++c.created; }); });
  auto shipped =
      bus->subscribe<OrderShipped>([&](const OrderShipped&) { counts.change([](auto& c) { ++c.shipped; }); });
  bus->start_consuming();
  publish_year(*bus);
  counts.wait([](auto& c) { return c.created == orders && c.shipped == orders / 2; });
  bus->stop_consuming();  // so that its group's numbers stand still; a replay does not need that

  std::printf("The history of %d orders, on the backend '%s'\n", orders, config.backend.c_str());
  const std::string before = groups_of(*bus);
  const Replayed replayed = replay(*bus);
  outcomes.check(replayed.events == orders + orders / 2 && replayed.pages == 4, "four pages held every event");
  outcomes.check(groups_of(*bus) == before, "no group was touched");
  outcomes.check(counts.get().created == orders, "the old projection saw nothing twice");

  // From here on it is a projection like any other, with a group of its own.
  config.consumer_group = "revenue";
  config.start_from = eventbus::StartFrom::after(replayed.last);
  auto live = eventbus::open_bus(config);
  Watched<Replayed> projection;
  projection.change([&](Replayed& now) { now = replayed; });
  auto subscription = live->subscribe<OrderCreated>([&](const OrderCreated& order) {
    projection.change([&](Replayed& now) { now.revenue[order.customer_id] += order.total_amount, ++now.events; });
  });
  publish(*bus, OrderCreated{"cust-1", 10.0}, of_order("order-251", 1));
  live->connect();
  live->start_consuming();
  projection.wait([&](auto& now) { return now.events > replayed.events; });
  live->stop_consuming();

  Revenue revenue = projection.get().revenue;
  for (const auto& [customer, total] : revenue) std::printf("  %s: $%.2f\n", customer.c_str(), total);
  outcomes.check(revenue == Revenue{{"cust-0", 830}, {"cust-1", 850}, {"cust-2", 830}},
                 "the new projection has the past and goes on with what is new, each event once");
  return outcomes.exit_code();
}

}  // namespace

int main() {
  try {
    return run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "replay: %s\n", error.what());
    return 1;
  }
}
