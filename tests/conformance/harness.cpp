#include "harness.hpp"

#include <algorithm>
#include <random>

namespace eventbus::conformance {

Target& target() {
  static Target the_target;
  return the_target;
}

Stream::Stream() {
  // Not Catch2's generator: two runs with one seed on one server must not meet.
  static std::random_device random;
  static constexpr char digits[] = "0123456789abcdef";
  prefix_ = "conformance-";
  for (int i = 0; i < 16; ++i) prefix_ += digits[random() % 16];
}

BusConfig Stream::config(const ConfigOverrides& overrides) const {
  ConfigOverrides all = {{"log.level", "error"}};
  const Target& on = target();
  all.insert(all.end(), on.overrides.begin(), on.overrides.end());
  const ConfigOverrides own = {{"stream_prefix", prefix_},      {"consumer_group", "workers"},
                               {"consumer_name", "null"},       {"start_from", "earliest"},
                               {"batch_size", "100"},           {"concurrency", "1"},
                               {"pending_idle_ms", "2000"},     {"recovery_interval_ms", "2000"},
                               {"shutdown_timeout_ms", "10000"}};
  all.insert(all.end(), own.begin(), own.end());
  all.insert(all.end(), overrides.begin(), overrides.end());
  BusConfig config = parse_config(on.config, on.origin, all);
  for (std::string& directory : config.plugin_dirs) directory = (on.directory / directory).string();
  return config;
}

std::unique_ptr<EventBus> Stream::open(const ConfigOverrides& overrides) const { return open_bus(config(overrides)); }

std::unique_ptr<EventBus> Stream::connect(const ConfigOverrides& overrides) const {
  auto bus = open(overrides);
  bus->connect();
  return bus;
}

Event make_event(std::string type, std::string payload, std::string aggregate_id) {
  Event event;
  event.type = std::move(type);
  event.payload = Payload(std::move(payload));
  event.aggregate_id = std::move(aggregate_id);
  return event;
}

std::vector<Event> make_events(const std::string& type, std::size_t count) {
  std::vector<Event> events;
  for (std::size_t i = 0; i < count; ++i) events.push_back(make_event(type, std::to_string(i)));
  return events;
}

std::vector<Position> publish_written(EventBus& bus, std::vector<Event> events) {
  const std::size_t count = events.size();
  std::vector<Position> positions;
  for (const PublishResult& result : bus.publish_all(std::move(events))) {
    INFO((result.error ? result.error->what() : "no error"));
    REQUIRE(result.written());
    positions.push_back(result.position);
  }
  REQUIRE(positions.size() == count);
  return positions;
}

std::future<bool> publish_aside(EventBus& bus, std::vector<Event> events) {
  return std::async(std::launch::async, [&bus, batch = std::move(events)]() mutable {
    const auto results = bus.publish_all(std::move(batch));
    return std::all_of(results.begin(), results.end(), [](const PublishResult& result) { return result.written(); });
  });
}

Handler Recorder::handler(std::string name) {
  return Handler(std::move(name), [this](const Event& event, const Delivery& delivery) { add(event, delivery); });
}

void Recorder::add(const Event& event, const Delivery& delivery) {
  std::lock_guard lock(mutex_);
  received_.push_back({event, delivery.position(), delivery.attempt(), delivery.redelivered(),
                       std::string(delivery.group()), std::string(delivery.consumer()),
                       std::chrono::steady_clock::now()});
  changed_.notify_all();
}

bool Recorder::wait_for(std::size_t count, std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, timeout, [&] { return received_.size() >= count; });
}

bool Recorder::wait_for_payload(const std::string& payload) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, deadline, [&] {
    return std::any_of(received_.begin(), received_.end(),
                       [&](const Received& received) { return received.event.payload.bytes() == payload; });
  });
}

std::size_t Recorder::count() const {
  std::lock_guard lock(mutex_);
  return received_.size();
}

std::size_t Recorder::count_of_payload(const std::string& payload) const {
  std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(std::count_if(received_.begin(), received_.end(), [&](const Received& received) {
    return received.event.payload.bytes() == payload;
  }));
}

std::vector<std::uint32_t> Recorder::attempts_of(const std::string& payload) const {
  std::lock_guard lock(mutex_);
  std::vector<std::uint32_t> attempts;
  for (const Received& received : received_) {
    if (received.event.payload.bytes() == payload) attempts.push_back(received.attempt);
  }
  return attempts;
}

std::vector<Received> Recorder::all() const {
  std::lock_guard lock(mutex_);
  return received_;
}

std::vector<std::string> Recorder::payloads() const {
  std::lock_guard lock(mutex_);
  std::vector<std::string> payloads;
  for (const Received& received : received_) payloads.emplace_back(received.event.payload.bytes());
  return payloads;
}

void Gate::open() {
  std::lock_guard lock(mutex_);
  open_ = true;
  changed_.notify_all();
}

void Gate::wait() {
  std::unique_lock lock(mutex_);
  ++arrived_;
  changed_.notify_all();
  changed_.wait_for(lock, deadline, [&] { return open_; });
}

bool Gate::wait_for_arrivals(std::size_t count) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, deadline, [&] { return arrived_ >= count; });
}

std::size_t Gate::arrived() const {
  std::lock_guard lock(mutex_);
  return arrived_;
}

bool is_inline(const EventBus& bus) { return bus.capabilities().inline_dispatch; }

void need(bool declared, const std::string& capability) {
  if (!declared) SKIP("needs " + capability + ", which the backend does not declare");
}

void need_background_dispatch(const EventBus& bus, const std::string& why) {
  if (is_inline(bus)) SKIP("needs background dispatch: " + why);
}

std::optional<StreamInfo::Group> group_info(const EventBus& bus, const std::string& group) {
  StreamInfo info = bus.stream_info();
  for (StreamInfo::Group& found : info.groups) {
    if (found.name == group) return std::move(found);
  }
  return std::nullopt;
}

bool adds_up(const Stats& stats) {
  return stats.in_flight == 0 &&
         stats.consumed == stats.success + stats.failed + stats.unhandled + stats.released + stats.lease_lost +
                               stats.abandoned + stats.skipped_target + stats.lost &&
         stats.failed == stats.retried + stats.dead_lettered + stats.dropped;
}

bool settles(const EventBus& bus) {
  return eventually([&] {
    if (!adds_up(bus.stats()) || bus.stats().parked > 0) return false;
    if (!bus.capabilities().inspection) return true;
    const auto group = group_info(bus, bus.group());
    return !group || group->pending == 0;
  });
}

std::vector<DeadLetter> wait_for_dead_letters(EventBus& bus, std::size_t count) {
  DeadLetterQuery query;
  query.group = bus.group();
  query.limit = 100000;
  std::vector<DeadLetter> found;
  eventually([&] {
    found = bus.dead_letters(query).entries;
    return found.size() >= count;
  });
  return found;
}

}  // namespace eventbus::conformance
