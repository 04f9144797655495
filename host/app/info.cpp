// eventbus info: the stream, its groups, dead letters, statistics and health.
#include <eventbus/open_bus.hpp>
#include <iostream>

#include "ndjson.hpp"
#include "verbs.hpp"

namespace eventbus::app {
namespace {

Json json_from(const std::optional<Position>& position) {
  return position ? Json(to_string(*position)) : Json(nullptr);
}
Json json_from(const std::optional<std::uint64_t>& value) { return value ? Json(*value) : Json(nullptr); }
Json json_from(const std::optional<std::chrono::milliseconds>& time) {
  return time ? Json(time->count()) : Json(nullptr);
}

const char* words_for(HealthStatus status) {
  switch (status) {
    case HealthStatus::green: return "green";
    case HealthStatus::yellow: return "yellow";
    case HealthStatus::red: return "red";
  }
  return "red";
}

Json json_from(const Stats& stats) {
  return {{"published", stats.published},
          {"publish_rejected", stats.publish_rejected},
          {"publish_unknown", stats.publish_unknown},
          {"background_pending", stats.background_pending},
          {"background_failed", stats.background_failed},
          {"consumed", stats.consumed},
          {"success", stats.success},
          {"failed", stats.failed},
          {"unhandled", stats.unhandled},
          {"released", stats.released},
          {"lease_lost", stats.lease_lost},
          {"abandoned", stats.abandoned},
          {"skipped_target", stats.skipped_target},
          {"lost", stats.lost},
          {"in_flight", stats.in_flight},
          {"retried", stats.retried},
          {"dead_lettered", stats.dead_lettered},
          {"dropped", stats.dropped},
          {"handler_errors", stats.handler_errors},
          {"undecodable", stats.undecodable},
          {"recovered", stats.recovered},
          {"settle_failed", stats.settle_failed},
          {"reconnections", stats.reconnections},
          {"groups_recreated", stats.groups_recreated},
          {"parked", stats.parked}};
}

Json json_from(const StreamInfo::Group& group) {
  Json consumers = Json::array();
  for (const auto& consumer : group.consumers) {
    consumers.push_back(
        {{"name", consumer.name}, {"pending", consumer.pending}, {"idle_ms", json_from(consumer.idle)}});
  }
  return {{"name", group.name},
          {"pending", group.pending},
          {"lag", json_from(group.lag)},
          {"last_delivered", json_from(group.last_delivered)},
          {"consumers", std::move(consumers)}};
}

Json json_from(const Health& health) {
  return {{"status", words_for(health.status)},
          {"connected", health.connected},
          {"consuming", health.consuming},
          {"problems", health.problems},
          {"since_last_read_ms", json_from(health.since_last_read)},
          {"lag", json_from(health.lag)},
          {"pending", json_from(health.pending)},
          {"dead_letters", json_from(health.dead_letters)}};
}

void print(const StreamInfo& info, const Stats& stats, const Health& health) {
  auto known = [](const std::optional<std::uint64_t>& value) { return value ? std::to_string(*value) : "unknown"; };
  std::cout << "stream        " << info.stream << (info.exists ? "" : " (does not exist yet)") << '\n'
            << "length        " << info.length << '\n';
  if (info.first && info.last)
    std::cout << "positions     " << to_string(*info.first) << " to " << to_string(*info.last) << '\n';
  std::cout << "dead letters  " << (info.dead_letters ? std::to_string(*info.dead_letters) : "the backend keeps none")
            << " (" << info.dead_letter_stream << ")\n";
  for (const auto& group : info.groups) {
    std::cout << "\ngroup         " << group.name << ": " << group.pending << " pending, lag " << known(group.lag)
              << '\n';
    for (const auto& consumer : group.consumers) {
      std::cout << "  consumer    " << consumer.name << ": " << consumer.pending << " pending";
      if (consumer.idle) std::cout << ", idle for " << consumer.idle->count() << " ms";
      std::cout << '\n';
    }
  }
  std::cout << "\nhealth        " << words_for(health.status) << '\n';
  for (const std::string& problem : health.problems) std::cout << "              " << problem << '\n';
  const Json counters = json_from(stats);
  for (const auto& [name, value] : counters.items()) {
    if (value != 0) std::cout << "this process  " << name << ' ' << value << '\n';
  }
}

}  // namespace

int info(const BusConfig& config, bool json) {
  BusConfig looking_on = config;
  looking_on.read_only = true;
  auto bus = open_bus(looking_on);
  bus->connect();
  StreamInfo info = bus->stream_info();
  Health health = bus->health();
  if (!json) {
    print(info, bus->stats(), health);
    return ok;
  }
  Json groups = Json::array();
  for (const auto& group : info.groups) groups.push_back(json_from(group));
  Json out{{"stream", info.stream},
           {"exists", info.exists},
           {"length", info.length},
           {"first", json_from(info.first)},
           {"last", json_from(info.last)},
           {"groups", std::move(groups)},
           {"dead_letter_stream", info.dead_letter_stream},
           {"dead_letters", json_from(info.dead_letters)},
           {"stats", json_from(bus->stats())},
           {"health", json_from(health)}};
  std::cout << out.dump(2) << '\n';
  return ok;
}

}  // namespace eventbus::app
