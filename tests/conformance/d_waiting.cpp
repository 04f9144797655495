// D. Order and concurrency: what waits, and what does not wait for it.
#include <algorithm>
#include <atomic>
#include <set>

#include "harness.hpp"

namespace eventbus::conformance {
namespace {

using std::chrono::milliseconds;

// For handlers that fail as long as a test needs them to.
const ConfigOverrides patient = {{"max_retries", "100000"}, {"retry.initial_ms", "20"}, {"retry.max_ms", "100"}};

ConfigOverrides with(ConfigOverrides overrides, const ConfigOverrides& more) {
  overrides.insert(overrides.end(), more.begin(), more.end());
  return overrides;
}

std::vector<Event> events_of(const std::string& aggregate, int count) {
  std::vector<Event> events;
  for (int i = 0; i < count; ++i)
    events.push_back(make_event("OrderChanged", aggregate + std::to_string(i), aggregate));
  return events;
}

TEST_CASE("a retry keeps the order of its aggregate and holds up no other", "[D][D.37]") {
  Stream stream;
  Recorder handled;
  std::atomic<int> others{0}, failures{0};
  auto publisher = stream.connect();
  auto bus = stream.connect(patient);
  auto subscription = bus->subscribe_to_all([&](const Event& event, const Delivery& delivery) {
    if (event.payload.bytes() == "a1" && others < 20) {
      ++failures;
      throw std::runtime_error("not before the others");
    }
    if (event.aggregate_id != "a") ++others;
    handled.add(event, delivery);
  });
  bus->start_consuming();
  publish_written(*publisher, events_of("a", 5));
  publish_written(*publisher, events_of("b", 10));
  publish_written(*publisher, events_of("c", 10));
  REQUIRE(handled.wait_for(25));
  CHECK(failures >= 1);
  std::vector<std::string> of_a;
  for (const std::string& payload : handled.payloads()) {
    if (payload.front() == 'a') of_a.push_back(payload);
  }
  CHECK(of_a == std::vector<std::string>{"a0", "a1", "a2", "a3", "a4"});
  REQUIRE(settles(*bus));
  CHECK(handled.count() == 25);
}

TEST_CASE("with several workers a retry still keeps the order of its aggregate", "[D][D.37]") {
  Stream stream;
  Recorder handled;
  auto publisher = stream.connect();
  auto bus = stream.connect(with(patient, {{"concurrency", "4"}}));
  auto subscription = bus->subscribe_to_all([&](const Event& event, const Delivery& delivery) {
    const int number = std::stoi(std::string(event.payload.bytes().substr(1)));
    if (number % 5 == 2 && delivery.attempt() < 3) throw std::runtime_error("not today");
    handled.add(event, delivery);
  });
  bus->start_consuming();
  std::vector<Event> events;
  for (int i = 0; i < 20; ++i) {
    for (const char* aggregate : {"a", "b", "c"}) {
      events.push_back(make_event("OrderChanged", aggregate + std::to_string(i), aggregate));
    }
  }
  publish_written(*publisher, events);
  REQUIRE(handled.wait_for(60));
  for (const char* aggregate : {"a", "b", "c"}) {
    int next = 0;
    for (const Received& received : handled.all()) {
      if (received.event.aggregate_id == aggregate) {
        CHECK(received.event.payload.bytes() == aggregate + std::to_string(next++));
      }
    }
    CHECK(next == 20);
  }
}

TEST_CASE("where on_retry says skip, the rest of the aggregate passes an event that waits for its retry", "[D][D.37]") {
  Stream stream;
  Recorder handled;
  auto publisher = stream.connect();
  auto bus = stream.connect(with(patient, {{"on_retry", "skip"}}));
  auto subscription = bus->subscribe_to_all([&](const Event& event, const Delivery& delivery) {
    if (event.payload.bytes() == "a0" && handled.count() < 4) throw std::runtime_error("not before the others");
    handled.add(event, delivery);
  });
  bus->start_consuming();
  publish_written(*publisher, events_of("a", 5));
  REQUIRE(handled.wait_for(5));
  CHECK(handled.payloads() == std::vector<std::string>{"a1", "a2", "a3", "a4", "a0"});
}

TEST_CASE("an event whose outcome is deferred holds up its aggregate and no other", "[D][D.37]") {
  Stream stream;
  Recorder handled;
  Deferred promise;
  std::atomic<bool> deferred{false};
  auto publisher = stream.connect();
  auto bus = stream.connect();
  auto subscription = bus->subscribe_to_all([&](const Event& event, const Delivery& delivery) {
    handled.add(event, delivery);
    if (event.payload.bytes() != "a0") return;
    promise = delivery.defer();
    deferred = true;
  });
  bus->start_consuming();
  publish_written(*publisher, events_of("a", 3));
  publish_written(*publisher, events_of("b", 10));
  REQUIRE(handled.wait_for(11));
  REQUIRE(deferred);
  CHECK(handled.count() == 11);
  CHECK(handled.count_of_payload("a1") == 0);
  CHECK(promise.settle(Outcome::ack()));
  REQUIRE(handled.wait_for(13));
  const auto payloads = handled.payloads();
  CHECK(std::vector<std::string>(payloads.end() - 2, payloads.end()) == std::vector<std::string>{"a1", "a2"});
}

TEST_CASE("a thousand events that wait for their retry hold up no good event", "[D][D.40]") {
  Stream stream;
  Recorder good;
  auto publisher = stream.connect();
  auto bus = stream.connect({{"max_in_flight", "100"}, {"max_retries", "10"}});
  auto subscription = bus->subscribe_to_all([&](const Event& event, const Delivery& delivery) {
    if (event.type == "Bad") return Outcome::retry(milliseconds(60000));
    good.add(event, delivery);
    return Outcome::ack();
  });
  bus->start_consuming();
  publish_written(*publisher, make_events("Bad", 1000));
  publish_written(*publisher, make_events("Good", 50));
  REQUIRE(good.wait_for(50));
  CHECK(good.count() == 50);
  CHECK(bus->stats().parked == 1000);
  CHECK(bus->stats().retried == 1000);
}

TEST_CASE("below max_parked receiving goes on and health is no longer red", "[D][D.40]") {
  Stream stream;
  Recorder handled;
  std::atomic<bool> broken{true};
  auto publisher = stream.connect();
  auto bus = stream.connect(with(patient, {{"max_parked", "10"}, {"max_in_flight", "5"}}));
  auto subscription = bus->subscribe_to_all([&](const Event& event, const Delivery& delivery) {
    if (broken) throw std::runtime_error("not today");
    handled.add(event, delivery);
  });
  bus->start_consuming();
  publish_written(*publisher, make_events("OrderCreated", 100));
  REQUIRE(eventually([&] { return bus->health().status == HealthStatus::red; }));
  CHECK(handled.count() == 0);
  broken = false;
  REQUIRE(handled.wait_for(100));
  CHECK(handled.count() == 100);
  REQUIRE(settles(*bus));
  CHECK(bus->health().status == HealthStatus::green);
}

TEST_CASE("a thousand events that are blocked behind their aggregate hold up no good event", "[D][D.40]") {
  Stream stream;
  Recorder good, blocked;
  std::atomic<bool> broken{true};
  auto publisher = stream.connect();
  auto bus = stream.connect(with(patient, {{"max_in_flight", "100"}}));
  auto subscription = bus->subscribe_to_all([&](const Event& event, const Delivery& delivery) {
    if (event.aggregate_id != "a") {
      good.add(event, delivery);
    } else if (broken) {
      throw std::runtime_error("not before the others");
    } else {
      blocked.add(event, delivery);
    }
  });
  bus->start_consuming();
  publish_written(*publisher, events_of("a", 1000));
  publish_written(*publisher, events_of("b", 50));
  CHECK(good.wait_for(50));
  broken = false;
  REQUIRE(blocked.wait_for(1000));
  REQUIRE(good.wait_for(50));
  const auto received = blocked.all();
  REQUIRE(received.size() == 1000);
  for (std::size_t i = 0; i < received.size(); ++i) {
    REQUIRE(received[i].event.payload.bytes() == "a" + std::to_string(i));
  }
}

TEST_CASE("at max_parked receiving stops and health is red", "[D][D.40]") {
  Stream stream;
  Recorder witness;
  std::mutex mutex;
  std::set<std::string> seen;  // guarded by mutex
  auto publisher = stream.connect();
  auto other = stream.connect({{"consumer_group", "witnesses"}});
  auto watching = other->subscribe_to_all(witness.handler());
  auto bus = stream.connect({{"max_parked", "10"}, {"max_in_flight", "5"}, {"max_retries", "10"}});
  auto subscription = bus->subscribe_to_all([&](const Event& event, const Delivery&) {
    std::lock_guard lock(mutex);
    seen.emplace(event.payload.bytes());
    return Outcome::retry(milliseconds(60000));
  });
  bus->start_consuming();
  publish_written(*publisher, make_events("OrderCreated", 100));
  REQUIRE(eventually([&] { return bus->stats().parked >= 10; }));
  const Health health = bus->health();
  CHECK(health.status == HealthStatus::red);
  REQUIRE_FALSE(health.problems.empty());
  CHECK(health.problems.front().find("max_parked") != std::string::npos);
  other->start_consuming();
  REQUIRE(witness.wait_for(100));  // time enough to read on, for one who would
  CHECK(bus->stats().consumed <= 15);
  std::lock_guard lock(mutex);
  CHECK(seen.size() <= 15);
}

}  // namespace
}  // namespace eventbus::conformance
