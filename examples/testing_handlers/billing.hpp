// The handler that the tests are about: charges a customer for each order, and tells it.
#pragma once

#include <string>

#include <eventbus/once.hpp>
#include <eventbus/typed.hpp>

#include "common/orders.hpp"

namespace shop {

struct OrderPaid {
  std::string customer_id;
  double amount = 0;
};
EVENTBUS_EVENT(OrderPaid, customer_id, amount)

class Bank {
 public:
  virtual ~Bank() = default;
  virtual void charge(const std::string& customer_id, double amount) = 0;  // throws while it can't be reached
};

inline eventbus::Handler billing(eventbus::EventBus& bus, Bank& bank) {
  return eventbus::typed_handler<OrderCreated>(
      "billing", [&](const OrderCreated& order, const eventbus::Event& event) -> eventbus::Outcome {
        if (order.total_amount <= 0) return eventbus::Outcome::dead_letter("an order costs more than nothing");
        bank.charge(order.customer_id, order.total_amount);
        eventbus::publish(bus, OrderPaid{order.customer_id, order.total_amount},
                          {.aggregate_id = event.aggregate_id, .headers = eventbus::caused_by(event)});
        return eventbus::Outcome::ack();
      });
}

// The same, so that a duplicate of the order charges nobody.
inline eventbus::Handler billing_once(eventbus::EventBus& bus, Bank& bank) {
  return eventbus::once(billing(bus, bank), bus.idempotency_store());
}

}  // namespace shop
