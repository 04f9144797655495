// A tour in four demos: publish and subscribe, consumer groups, statistics, projections with an audit log.
#include <cstdio>
#include <exception>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "common/orders.hpp"
#include "common/watched.hpp"

namespace {

using eventbus::Event;
using shop::OrderCreated, shop::OrderShipped, shop::of_order, shop::Watched;

void title(const char* text) { std::printf("\n== %s\n\n", text); }

std::unique_ptr<eventbus::EventBus> open(eventbus::BusConfig config, const std::string& group) {
  config.consumer_group = group;
  auto bus = eventbus::open_bus(config);
  bus->connect();
  return bus;
}

void publish_and_subscribe(shop::Outcomes& outcomes) {
  title("1. Publish and subscribe");
  Watched<std::vector<OrderCreated>> received;
  auto bus = open(shop::config_of_this_run("tutorial"), "order-log");
  auto subscription = bus->subscribe<OrderCreated>([&](const OrderCreated& order, const Event& event) {
    std::printf("  received   %s of %s: $%.2f\n", event.aggregate_id.c_str(), order.customer_id.c_str(),
                order.total_amount);
    received.change([&](auto& orders) { orders.push_back(order); });
  });
  bus->start_consuming();
  eventbus::Position at = publish(*bus, OrderCreated{"cust-123", 99.99}, of_order("order-1", 1));
  std::printf("  published  order-1 at %s\n", to_string(at).c_str());
  received.wait([](auto& orders) { return !orders.empty(); });
  bus->stop_consuming();
  auto orders = received.get();
  outcomes.check(orders.size() == 1 && orders[0].customer_id == "cust-123" && orders[0].total_amount == 99.99,
                 "the order arrived once, as it was published");
}

void consumer_groups(shop::Outcomes& outcomes) {
  title("2. Two workers share one group's orders; the audit's group gets them all");
  eventbus::BusConfig config = shop::config_of_this_run("tutorial");
  config.batch_size = config.max_in_flight = 1;  // a worker takes an order when it is free
  auto first = open(config, "fulfilment"), second = open(config, "fulfilment"), audit = open(config, "audit");
  Watched<std::map<std::string, std::multiset<std::string>>> done;

  // Each worker holds its first order until the other one has an order too, so that neither can take them all.
  auto work = [&](const std::string& who) {
    return [&, who](const OrderCreated&, const Event& event) {
      std::printf("  %s takes %s\n", who.c_str(), event.aggregate_id.c_str());
      done.change([&](auto& by_name) { by_name[who].insert(event.aggregate_id); });
      done.wait([](auto& by_name) { return by_name.contains("worker 1") && by_name.contains("worker 2"); });
    };
  };
  auto one = first->subscribe<OrderCreated>(work("worker 1"));
  auto two = second->subscribe<OrderCreated>(work("worker 2"));
  auto all = audit->subscribe_to_all(
      [&](const Event& event) { done.change([&](auto& by_name) { by_name["audit"].insert(event.aggregate_id); }); });

  std::multiset<std::string> published;
  for (int i = 1; i <= 6; ++i) {
    const std::string id = *published.insert("order-" + std::to_string(i));
    publish(*first, OrderCreated{"cust-" + std::to_string(i), 10.0 * i}, of_order(id, 1));
  }
  for (auto* bus : {first.get(), second.get(), audit.get()}) bus->start_consuming();
  auto count = [](auto& by_name, const char* who) { return by_name.contains(who) ? by_name.at(who).size() : 0; };
  done.wait([&](auto& by_name) {
    return count(by_name, "worker 1") + count(by_name, "worker 2") >= 6 && count(by_name, "audit") >= 6;
  });
  for (auto* bus : {first.get(), second.get(), audit.get()}) bus->stop_consuming();

  auto by_name = done.get();
  std::printf("\n  worker 1: %zu, worker 2: %zu, audit: %zu\n", count(by_name, "worker 1"), count(by_name, "worker 2"),
              count(by_name, "audit"));
  outcomes.check(by_name["audit"] == published, "the audit saw every order");
  std::multiset<std::string> shared = by_name["worker 1"];
  shared.merge(by_name["worker 2"]);
  outcomes.check(shared == published, "each order went to exactly one of the workers");
}

void statistics(shop::Outcomes& outcomes) {
  title("3. Statistics and monitoring");
  auto bus = open(shop::config_of_this_run("tutorial"), "billing");
  Watched<int> seen;
  auto subscription = bus->subscribe<OrderCreated>("billing", [&](const OrderCreated& order) {
    seen.change([](int& count) { ++count; });
    return order.total_amount < 0 ? eventbus::Outcome::dead_letter("a negative amount") : eventbus::Outcome::ack();
  });
  auto wildcard = bus->subscribe_to_all([](const Event&) {});
  for (int i = 0; i < 10; ++i) {
    publish(*bus, OrderCreated{"cust-" + std::to_string(i), i == 7 ? -1.0 : 100.0 + i}, of_order("order", i + 1));
  }
  bus->start_consuming();
  seen.wait([](int count) { return count >= 10; });
  bus->stop_consuming();

  const eventbus::Stats stats = bus->stats();
  const eventbus::StreamInfo info = bus->stream_info();
  std::printf("  stream: %s of %zu events, %zu group, %zu pending, %zu dead letter\n", info.stream.c_str(),
              std::size_t(info.length), info.groups.size(), std::size_t(info.groups.at(0).pending),
              std::size_t(info.dead_letters.value_or(0)));
  std::printf("  events: %zu published, %zu consumed, %zu succeeded, %zu failed\n", std::size_t(stats.published),
              std::size_t(stats.consumed), std::size_t(stats.success), std::size_t(stats.failed));
  std::printf("  subscribers: %zu, of them %zu to everything\n", bus->subscriber_count(),
              bus->wildcard_subscriber_count());
  outcomes.check(stats.published == 10 && stats.consumed == 10, "ten published, ten consumed");
  outcomes.check(stats.success == 9 && stats.failed == 1 && stats.dead_lettered == 1, "nine succeeded, one failed");
  outcomes.check(info.length == 10 && info.groups.at(0).pending == 0 && info.dead_letters == 1,
                 "the stream keeps all ten, none is pending, the failed one is a dead letter");
  outcomes.check(bus->subscriber_count() == 2 && bus->wildcard_subscriber_count() == 1, "two subscribers");
}

struct Totals {
  int orders = 0, shipped = 0;
  double revenue = 0;
};

struct StatisticsProjection {
  Watched<Totals>& totals;
  void handle(const OrderCreated& order) {
    std::printf("  [stats] order created: $%.2f\n", order.total_amount);
    totals.change([&](Totals& now) { ++now.orders, now.revenue += order.total_amount; });
  }
  void handle(const OrderShipped& shipment) {
    std::printf("  [stats] order shipped: %s\n", shipment.tracking_number.c_str());
    totals.change([](Totals& now) { ++now.shipped; });
  }
};

void projections(shop::Outcomes& outcomes) {
  title("4. A projection, and an audit log of everything");
  auto bus = open(shop::config_of_this_run("tutorial"), "projections");
  Watched<Totals> totals;
  Watched<std::vector<std::string>> log;
  StatisticsProjection projection{totals};
  auto subscription = eventbus::subscribe_all<OrderCreated, OrderShipped>(*bus, projection, "statistics");
  auto audit = bus->subscribe_to_all([&](const Event& event) {
    log.change([&](auto& lines) { lines.push_back(event.type + " of " + event.aggregate_id); });
  });
  bus->start_consuming();
  publish(*bus, OrderCreated{"premium-customer", 499.99}, of_order("order-9", 1));
  publish(*bus, OrderShipped{"TRACK-12345"}, of_order("order-9", 2));
  log.wait([](auto& lines) { return lines.size() >= 2; });
  bus->stop_consuming();

  const Totals now = totals.get();
  std::printf("\n  orders: %d, revenue: $%.2f, shipped: %d\n", now.orders, now.revenue, now.shipped);
  for (const std::string& line : log.get()) std::printf("  [audit] %s\n", line.c_str());
  outcomes.check(now.orders == 1 && now.revenue == 499.99 && now.shipped == 1, "the projection adds up");
  outcomes.check(log.get() == std::vector<std::string>{"OrderCreated of order-9", "OrderShipped of order-9"},
                 "the audit log has both, in order");
}

}  // namespace

int main() {
  try {
    shop::Outcomes outcomes;
    std::printf("The tutorial, on the backend '%s'\n", shop::config_of("tutorial").backend.c_str());
    publish_and_subscribe(outcomes);
    consumer_groups(outcomes);
    statistics(outcomes);
    projections(outcomes);
    return outcomes.exit_code();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "tutorial: %s\n", error.what());
    return 1;
  }
}
