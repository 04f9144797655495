// What becomes of an event that can't be handled: it is tried again, then put aside; somebody looks, repairs the
// handler, and plays it back. And of one whose consumer went away in the middle: another recovers it.
#include <cstdio>
#include <exception>
#include <map>
#include <set>
#include <stdexcept>
#include <string>

#include "common/orders.hpp"
#include "common/watched.hpp"

namespace {

using namespace std::chrono_literals;
using eventbus::Event, eventbus::Outcome;
using shop::OrderCreated, shop::of_order, shop::Watched;

struct Books {
  bool knows_gift_cards = false;  // the bug: it does not
  std::map<std::string, double> booked;
  std::map<std::string, int> attempts;
};

// Throws for what may go well another time; refuses at once what never will.
Outcome book(Watched<Books>& books, const OrderCreated& order, const Event& event) {
  books.change([&](Books& now) { ++now.attempts[event.aggregate_id]; });
  if (order.total_amount < 0) return Outcome::dead_letter("a negative amount");
  if (order.customer_id == "gift-card" && !books.get().knows_gift_cards) {
    throw std::runtime_error("no account 'gift-card'");
  }
  books.change([&](Books& now) { now.booked[event.aggregate_id] = order.total_amount; });
  return Outcome::ack();
}

eventbus::BusConfig config_of_books() {
  eventbus::BusConfig config = shop::config_of_this_run("dead-letters");
  config.log_level = "off";  // the failures are meant
  config.consumer_group = "books";
  config.max_retries = 2;
  config.retry = {.initial = 10ms, .max = 10ms};
  config.on_retry = eventbus::OnRetry::skip;
  return config;
}

void dead_letters(shop::Outcomes& outcomes) {
  std::printf("\n== Dead letters\n\n");
  auto bus = eventbus::open_bus(config_of_books());
  bus->connect();
  Watched<Books> books;
  auto subscription = bus->subscribe<OrderCreated>(
      "booking", [&](const OrderCreated& order, const Event& event) { return book(books, order, event); });
  const std::map<std::string, OrderCreated> orders = {{"order-1", {"cust-1", 10}},
                                                      {"order-2", {"gift-card", 20}},
                                                      {"order-3", {"cust-3", -30}},
                                                      {"order-4", {"cust-4", 40}}};
  for (const auto& [id, order] : orders) publish(*bus, order, of_order(id, 1));
  bus->start_consuming();
  books.wait([](const Books& now) {
    return now.attempts.size() == 4 && now.attempts.at("order-2") == 3 && now.booked.size() == 2;
  });
  bus->stop_consuming();  // and settles what was handled

  std::map<std::string, eventbus::DeadLetter> listed;
  for (const eventbus::DeadLetter& letter : bus->dead_letters().entries) {
    std::printf("  %s of %s: '%s' in handler '%s', after %u attempt(s)\n", letter.event.type.c_str(),
                letter.event.aggregate_id.c_str(), letter.reason.c_str(), letter.handler.c_str(), letter.attempts);
    listed[letter.event.aggregate_id] = letter;
  }
  outcomes.check(listed.size() == 2 && listed["order-2"].attempts == 3 && listed["order-3"].attempts == 1,
                 "the failing order was tried three times, the refused one once");
  outcomes.check(books.get().booked == std::map<std::string, double>{{"order-1", 10}, {"order-4", 40}},
                 "the others were not held up");

  books.change([](Books& now) { now.knows_gift_cards = true; });  // the repair
  outcomes.check(bus->replay_dead_letter(listed["order-2"].position).has_value(), "the repaired one is played back");
  outcomes.check(bus->purge_dead_letters({.positions = {listed["order-3"].position}}) == 1,
                 "the hopeless one is purged");
  bus->start_consuming();
  outcomes.check(books.wait([](const Books& now) { return now.booked.contains("order-2"); }), "it is booked now");
  bus->stop_consuming();
  outcomes.check(bus->dead_letters().entries.empty(), "there are no dead letters any more");
}

void recovery(shop::Outcomes& outcomes) {
  std::printf("\n== Recovery\n\n");
  const eventbus::BusConfig config = config_of_books();
  eventbus::Deferred never;  // an answer that the first consumer still owes when it goes away
  Watched<std::set<std::string>> begun, booked;

  auto gone = eventbus::open_bus(config);
  auto stuck =
      gone->subscribe<OrderCreated>([&](const OrderCreated&, const Event& event, const eventbus::Delivery& now) {
        never = now.defer();
        begun.change([&](auto& ids) { ids.insert(event.aggregate_id); });
      });
  auto rescuer = eventbus::open_bus(config);  // connected from the start: in memory a stream ends with its last bus
  rescuer->connect();
  gone->connect();
  gone->start_consuming();
  publish(*gone, OrderCreated{"cust-1", 10}, of_order("order-1", 1));
  begun.wait([](auto& ids) { return ids.contains("order-1"); });
  const eventbus::DrainReport drained = gone->stop_consuming(0ms);
  gone->disconnect();
  std::printf("  the first consumer left %zu order behind\n", std::size_t(drained.abandoned));
  outcomes.check(drained.abandoned == 1, "the drain tells what was left");

  auto subscription = rescuer->subscribe<OrderCreated>([&](const OrderCreated&, const Event& event) {
    booked.change([&](auto& ids) { ids.insert(event.aggregate_id); });
  });
  // A consuming bus sweeps by itself, every `recovery_interval_ms`, once leases (`pending_idle_ms`) have ended. This
  // sweep is now, and does not wait for the lease, since we know that the consumer is gone.
  const eventbus::RecoveryReport report = rescuer->recover({.min_idle = 0ms, .max_retries = {}, .force = true});
  std::printf("  recovery: %zu claimed, %zu reprocessed, %zu failed\n", std::size_t(report.claimed),
              std::size_t(report.reprocessed), std::size_t(report.failed));
  outcomes.check(report.claimed == 1 && report.reprocessed == 1, "one sweep takes it over and handles it");
  outcomes.check(booked.get().contains("order-1"), "the order is booked");
  outcomes.check(rescuer->stream_info().groups.at(0).pending == 0, "nothing is pending any more");
}

}  // namespace

int main() {
  try {
    shop::Outcomes outcomes;
    std::printf("Failures, on the backend '%s'\n", shop::config_of("any").backend.c_str());
    dead_letters(outcomes);
    recovery(outcomes);
    return outcomes.exit_code();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "dead_letters: %s\n", error.what());
    return 1;
  }
}
