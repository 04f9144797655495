// H. Faults: the server restarts, forgets, and is full.
#include <algorithm>
#include <set>

#include "faults.hpp"
#include "harness.hpp"

namespace eventbus::conformance {
namespace {

using std::chrono::milliseconds;

const ConfigOverrides quick = {{"pending_idle_ms", "1000"}, {"recovery_interval_ms", "1000"}};

// Publishes until it is written, as an application does that tolerates duplicates.
void publish_stubbornly(EventBus& bus, const std::string& payload) {
  REQUIRE(eventually([&] { return !code_of([&] { bus.publish(make_event("OrderCreated", payload)); }); }));
}

std::set<std::string> unique(const std::vector<std::string>& payloads) { return {payloads.begin(), payloads.end()}; }

std::set<std::string> numbers(int count) {
  std::set<std::string> all;
  for (int i = 0; i < count; ++i) all.insert(std::to_string(i));
  return all;
}

bool tells(const Health& health, const std::string& what) {
  return std::any_of(health.incidents.begin(), health.incidents.end(),
                     [&](const std::string& incident) { return incident.find(what) != std::string::npos; });
}

TEST_CASE("when the server was restarted with its data, publishing and consuming resume by themselves", "[H][H.64]") {
  need_faults();
  Stream stream;
  Recorder recorder;
  auto publisher = stream.connect(quick);
  auto bus = stream.connect(quick);
  need(bus->capabilities().durable, "durability");
  auto subscription = bus->subscribe_to_all(recorder.handler());
  bus->start_consuming();
  for (int i = 0; i < 30; ++i) {
    if (i % 10 == 5) inflict("restart");
    publish_stubbornly(*publisher, std::to_string(i));
  }
  REQUIRE(eventually([&] { return unique(recorder.payloads()).size() == 30; }));
  CHECK(unique(recorder.payloads()) == numbers(30));
  REQUIRE(settles(*bus));
  CHECK(bus->stats().reconnections >= 1);  // two restarts may meet one outage
  CHECK(bus->is_connected());
  CHECK(bus->is_consuming());
  CHECK(bus->health().status == HealthStatus::green);
  CHECK(tells(bus->health(), "restored"));
  CHECK(adds_up(bus->stats()));
}

TEST_CASE("what a handler runs while the server restarts is settled afterwards, and nothing else is lost",
          "[H][H.64]") {
  need_faults();
  Stream stream;
  Gate gate;
  Recorder recorder;
  auto publisher = stream.connect();
  auto bus = stream.connect({{"concurrency", "3"}});
  need(bus->capabilities().durable, "durability");
  auto subscription = bus->subscribe_to_all([&](const Event& event, const Delivery& delivery) {
    recorder.add(event, delivery);
    gate.wait();
  });
  Gate::OpenAtEnd opens(gate);
  bus->start_consuming();
  publish_written(*publisher, make_events("OrderCreated", 10));
  REQUIRE(gate.wait_for_arrivals(3));
  inflict("restart");
  REQUIRE(eventually([&] { return bus->stats().reconnections >= 1 && bus->is_connected(); }));
  gate.open();
  REQUIRE(eventually([&] { return unique(recorder.payloads()).size() == 10; }));
  REQUIRE(settles(*bus));
  CHECK(bus->stats().success >= 10);
}

TEST_CASE("killed connections are restored by themselves and counted", "[H][H.64]") {
  need_faults();
  Stream stream;
  Recorder recorder;
  auto publisher = stream.connect(quick);
  auto bus = stream.connect(quick);
  auto subscription = bus->subscribe_to_all(recorder.handler());
  bus->start_consuming();
  for (int i = 0; i < 30; ++i) {
    if (i % 5 == 2) inflict("kill-connections");
    publish_stubbornly(*publisher, std::to_string(i));
  }
  REQUIRE(eventually([&] { return unique(recorder.payloads()).size() == 30; }));
  REQUIRE(settles(*bus));
  CHECK(bus->stats().reconnections >= 1);
  CHECK(publisher->stats().reconnections >= 1);
  CHECK(bus->health().status == HealthStatus::green);
}

// The group is gone while nothing is pending.
void new_events_flow_after(const std::string& fault, const std::vector<std::string>& (*arguments)(const EventBus&)) {
  need_faults();
  Stream stream;
  Recorder recorder;
  auto publisher = stream.connect(quick);
  auto bus = stream.connect(quick);
  auto subscription = bus->subscribe_to_all(recorder.handler());
  bus->start_consuming();
  publish_written(*publisher, make_events("OrderCreated", 5));
  REQUIRE(recorder.wait_for(5));
  REQUIRE(settles(*bus));
  inflict(fault, arguments(*bus));
  publish_stubbornly(*publisher, "after");
  REQUIRE(recorder.wait_for_payload("after"));
  REQUIRE(settles(*bus));
  CHECK(bus->stats().groups_recreated >= 1);
  CHECK(bus->is_consuming());
  const Health health = bus->health();
  CHECK(health.status != HealthStatus::red);
  CHECK(tells(health, "group"));
}

const std::vector<std::string>& nothing(const EventBus&) {
  static const std::vector<std::string> none;
  return none;
}
const std::vector<std::string>& its_stream(const EventBus& bus) {
  static std::vector<std::string> words;
  return words = {bus.stream_name()};
}
const std::vector<std::string>& its_group(const EventBus& bus) {
  static std::vector<std::string> words;
  return words = {bus.stream_name(), bus.group()};
}

TEST_CASE("when the server was flushed the group is made again and new events flow", "[H][H.65]") {
  new_events_flow_after("flush", nothing);
}

TEST_CASE("when the stream was deleted the group is made again and new events flow", "[H][H.65]") {
  new_events_flow_after("delete-stream", its_stream);
}

TEST_CASE("when the group was deleted it is made again and new events flow", "[H][H.65]") {
  new_events_flow_after("delete-group", its_group);
}

TEST_CASE("when the group was deleted, what its consumers had pending and what came meanwhile is not lost",
          "[H][H.65]") {
  need_faults();
  Stream stream;
  Gate gate;
  Recorder started, handled;
  std::atomic<bool> failing{true};
  auto publisher = stream.connect();
  const auto consumer = [&](const char* name) {
    auto bus = stream.connect({{"consumer_name", name},
                               {"batch_size", "1"},
                               {"pending_idle_ms", "1000"},
                               {"recovery_interval_ms", "1000"},
                               {"retry.initial_ms", "10"},
                               {"max_retries", "20"}});
    bus->subscribe_to_all([&](const Event& event, const Delivery& delivery) {
         started.add(event, delivery);
         gate.wait();
         if (failing) throw std::runtime_error("not today");
         handled.add(event, delivery);
       })
        .detach();
    bus->start_consuming();
    return bus;
  };
  auto one = consumer("one");
  auto two = consumer("two");
  publish_written(*publisher, make_events("OrderCreated", 2));
  REQUIRE(gate.wait_for_arrivals(2));
  inflict("delete-group", {publisher->stream_name(), "workers"});
  publish_written(*publisher, {make_event("OrderCreated", "2"), make_event("OrderCreated", "3")});
  gate.open();
  REQUIRE(eventually([&] { return unique(started.payloads()).size() == 4; }));
  failing = false;
  REQUIRE(eventually([&] { return unique(handled.payloads()).size() == 4; }));
  CHECK(unique(handled.payloads()) == numbers(4));
  CHECK(settles(*one));
  CHECK(settles(*two));
  CHECK(one->stats().groups_recreated + two->stats().groups_recreated >= 1);
  CHECK(adds_up(one->stats()));
  CHECK(adds_up(two->stats()));
}

TEST_CASE("when the server was flushed, what is published before anybody noticed is not lost", "[H][H.65]") {
  need_faults();
  Stream stream;
  Gate gate;
  Recorder recorder;
  auto publisher = stream.connect(quick);
  auto bus = stream.connect(quick);
  auto subscription = bus->subscribe_to_all([&](const Event& event, const Delivery& delivery) {
    gate.wait();
    recorder.add(event, delivery);
  });
  bus->start_consuming();
  publish_written(*publisher, {make_event("OrderCreated", "before")});
  REQUIRE(gate.wait_for_arrivals(1));
  inflict("flush");
  for (int i = 0; i < 5; ++i) publish_stubbornly(*publisher, std::to_string(i));
  gate.open();
  REQUIRE(eventually([&] { return unique(recorder.payloads()).size() == 6; }));
  REQUIRE(settles(*bus));
  CHECK(adds_up(bus->stats()));
}

TEST_CASE("while the server is out of memory publishing fails and may be tried again, and consumers go on",
          "[H][H.67]") {
  need_faults();
  Stream stream;
  Recorder recorder;
  auto publisher = stream.connect();
  auto bus = stream.connect();
  auto subscription = bus->subscribe_to_all(recorder.handler());
  publish_written(*publisher, make_events("OrderCreated", 50));
  bus->start_consuming();
  REQUIRE(recorder.wait_for(1));
  Passing full("fill-memory", "free-memory");
  const auto error = error_of([&] { publisher->publish(make_event("OrderCreated", "x")); });
  REQUIRE(error);
  INFO(error->what());
  CHECK(error->retryable());
  CHECK(publisher->stats().publish_rejected == 1);
  REQUIRE(recorder.wait_for(50));
  CHECK(eventually([&] { return bus->stats().success == 50; }));
  full.end();
  publisher->publish(make_event("OrderCreated", "after"));
  REQUIRE(recorder.wait_for_payload("after"));
  REQUIRE(settles(*bus));
}

TEST_CASE("while the server is out of memory dead letters wait, and are written when there is room", "[H][H.67]") {
  need_faults();
  Stream stream;
  Gate gate;
  Recorder good;
  auto publisher = stream.connect();
  auto bus = stream.connect({{"max_retries", "0"}});
  need(bus->capabilities().dead_letters, "dead letters");
  auto subscription = bus->subscribe_to_all([&](const Event& event, const Delivery& delivery) {
    gate.wait();
    if (event.type == "Bad") throw std::runtime_error("never");
    good.add(event, delivery);
  });
  Gate::OpenAtEnd opens(gate);
  bus->start_consuming();
  publish_written(*publisher, make_events("Bad", 5));
  publish_written(*publisher, make_events("Good", 5));
  REQUIRE(gate.wait_for_arrivals(1));
  Passing full("fill-memory", "free-memory");
  gate.open();
  REQUIRE(good.wait_for(5));
  REQUIRE(eventually([&] { return bus->stats().settle_failed >= 1; }));
  CHECK(bus->dead_letters().entries.empty());
  CHECK(bus->stats().dead_lettered == 0);
  full.end();
  CHECK(wait_for_dead_letters(*bus, 5).size() == 5);
  REQUIRE(settles(*bus));
  CHECK(bus->stats().dead_lettered == 5);
}

}  // namespace
}  // namespace eventbus::conformance
