// Events of the tests of the kit.
#pragma once

#include <string>

#include <eventbus/testing/typed.hpp>

namespace eventbus::testing {

struct OrderCreated {
  std::string customer_id;
  double total_amount = 0;
};
EVENTBUS_EVENT(OrderCreated, customer_id, total_amount)

struct OrderInvoiced {
  std::string customer_id;
};
EVENTBUS_EVENT(OrderInvoiced, customer_id)

struct CustomerAdded {
  std::string customer_id;
};
EVENTBUS_EVENT(CustomerAdded, customer_id)

inline Event order(std::string aggregate_id = {}) {
  Event event;
  event.type = "order";
  event.aggregate_id = std::move(aggregate_id);
  return event;
}

inline BusConfig named(const char* consumer) {
  BusConfig config;
  config.consumer_name = consumer;
  return config;
}

// In every group, of whichever consumer.
inline std::uint64_t pending(TestBus& test) {
  std::uint64_t sum = 0;
  for (const StreamInfo::Group& group : test.bus().stream_info().groups) sum += group.pending;
  return sum;
}

}  // namespace eventbus::testing
