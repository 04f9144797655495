// An aggregate: an order decides by what has happened to it, and what it decides are events.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "common/orders.hpp"

namespace shop {

class Order {
 public:
  Order(std::string id, const std::vector<eventbus::Event>& history) : id_(std::move(id)) {
    for (const eventbus::Event& event : history) apply(event);
    saved_version_ = version_;
  }

  void create(const std::string& customer_id, double total_amount) {
    if (version_ > 0) throw std::logic_error("order '" + id_ + "' exists already");
    decide(OrderCreated{customer_id, total_amount});
  }
  void ship(const std::string& tracking_number) {
    if (version_ == 0 || shipped_) throw std::logic_error("order '" + id_ + "' can't be shipped now");
    decide(OrderShipped{tracking_number});
  }

  const std::string& id() const { return id_; }
  std::int64_t saved_version() const { return saved_version_; }
  const std::vector<eventbus::Event>& unsaved() const { return unsaved_; }
  void mark_saved() {
    unsaved_.clear();
    saved_version_ = version_;
  }

 private:
  // The id is given here, once: whatever is sent again later is sent under it.
  template <class T>
  void decide(T happened) {
    eventbus::PublishOptions options = of_order(id_, version_ + 1);
    options.id = eventbus::new_event_id();
    options.occurred_at = std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
    unsaved_.push_back(make_event(std::move(happened), std::move(options)));
    apply(unsaved_.back());
  }
  void apply(const eventbus::Event& event) {
    version_ = event.aggregate_version;
    shipped_ = shipped_ || event.type == "OrderShipped";
  }

  std::string id_;
  std::int64_t version_ = 0, saved_version_ = 0;
  bool shipped_ = false;
  std::vector<eventbus::Event> unsaved_;
};

}  // namespace shop
