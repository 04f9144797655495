// The shop's events, and an own stream for each run, so that what an earlier run left on a server does not count.
#pragma once

#include <string>

#include <eventbus/event_id.hpp>
#include <eventbus/open_bus.hpp>
#include <eventbus/typed.hpp>

namespace shop {

struct OrderCreated {
  std::string customer_id;
  double total_amount = 0;
};
EVENTBUS_EVENT(OrderCreated, customer_id, total_amount)

struct OrderShipped {
  std::string tracking_number;
};
EVENTBUS_EVENT(OrderShipped, tracking_number)

inline eventbus::PublishOptions of_order(const std::string& id, std::int64_t version) {
  return {.aggregate_id = id, .aggregate_type = "Order", .aggregate_version = version};
}

// EVENTBUS_BACKEND, EVENTBUS_REDIS_URL and the other EVENTBUS_* variables have their say.
inline eventbus::BusConfig config_of(const std::string& stream_prefix) {
  eventbus::BusConfig config = eventbus::parse_config(R"({"log": {"level": "warn"}})");
  config.stream_prefix = stream_prefix;
  return config;
}
inline eventbus::BusConfig config_of_this_run(const std::string& name) {
  return config_of(name + "-" + eventbus::new_event_id());
}

}  // namespace shop
