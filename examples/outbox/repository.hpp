// Orders in SQLite. An event and its place in the outbox are saved in one transaction; the relay takes them from there
// to the bus. An event leaves the outbox after the bus has accepted it, so it may be sent twice, and never is lost.
#pragma once

#include <functional>

#include <eventbus/cloud_events.hpp>

#include "outbox/order.hpp"
#include "outbox/sql.hpp"

namespace shop {

// Somebody else saved the order in between: load it again and decide again.
struct Conflict : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class Orders {
 public:
  explicit Orders(Database& database) : database_(database) {
    database_.run(
        "CREATE TABLE IF NOT EXISTS events(aggregate_id TEXT, version INTEGER, event TEXT NOT NULL,"
        " PRIMARY KEY(aggregate_id, version));"
        "CREATE TABLE IF NOT EXISTS outbox(sequence INTEGER PRIMARY KEY AUTOINCREMENT, event TEXT NOT NULL)");
  }

  Order load(const std::string& id) {
    std::vector<eventbus::Event> history;
    Query query(database_, "SELECT event FROM events WHERE aggregate_id = ?1 ORDER BY version", id);
    while (query.next()) history.push_back(eventbus::from_cloud_event(query.text(0), source));
    return {id, history};
  }

  void save(Order& order) {
    Transaction transaction(database_);
    Query version(database_, "SELECT coalesce(max(version), 0) FROM events WHERE aggregate_id = ?1", order.id());
    version.next();
    if (version.integer(0) != order.saved_version()) {
      throw Conflict("orders: cannot save '" + order.id() + "' at version " + std::to_string(order.saved_version()) +
                     ": the database has version " + std::to_string(version.integer(0)) + "; load it and decide again");
    }
    for (const eventbus::Event& event : order.unsaved()) {
      const std::string json = eventbus::to_cloud_event(event, source);
      Query(database_, "INSERT INTO events VALUES(?1, ?2, ?3)", order.id(), event.aggregate_version, json).next();
      Query(database_, "INSERT INTO outbox(event) VALUES(?1)", json).next();
    }
    transaction.commit();
    order.mark_saved();
  }

  // Publishes what is in the outbox, in order. `published` is called between the two steps for each. Returns how many.
  int relay(
      eventbus::EventBus& bus, const std::function<void()>& published = [] {}) {
    int count = 0;
    while (true) {
      Query first(database_, "SELECT sequence, event FROM outbox ORDER BY sequence LIMIT 1");
      if (!first.next()) return count;
      bus.publish(eventbus::from_cloud_event(first.text(1), source));  // throws unless it is accepted: it stays, then
      published();
      Query(database_, "DELETE FROM outbox WHERE sequence = ?1", first.integer(0)).next();
      ++count;
    }
  }

  std::vector<std::string> saved_ids() {
    std::vector<std::string> ids;
    Query query(database_, "SELECT event FROM events");
    while (query.next()) ids.push_back(eventbus::from_cloud_event(query.text(0), source).id);
    return ids;
  }

 private:
  static constexpr const char* source = "/shop/orders";
  Database& database_;
};

}  // namespace shop
