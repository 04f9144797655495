// E. Leases and recovery: what a consumer keeps while it runs, and what becomes of its late answers.
#include <atomic>
#include <set>

#include "child.hpp"
#include "faults.hpp"
#include "harness.hpp"

namespace eventbus::conformance {
namespace {

using std::chrono::milliseconds;
using Attempts = std::vector<std::uint32_t>;
using Clock = std::chrono::steady_clock;

const ConfigOverrides second_lease = {{"pending_idle_ms", "1000"}, {"recovery_interval_ms", "300"}};

ConfigOverrides leased(ConfigOverrides more = {}) {
  more.insert(more.begin(), second_lease.begin(), second_lease.end());
  return more;
}

// Leases end by the clock; nothing else tells that they have.
void outlast(milliseconds time) {
  const auto end = Clock::now() + time;
  eventually([&] { return Clock::now() >= end; });
}

TEST_CASE("a handler slower than three leases runs once, while another consumer looks for idle events", "[E][E.41]") {
  Stream stream;
  Gate gate;
  Recorder slow, other;
  auto publisher = stream.connect();
  auto bus = stream.connect(leased());
  need(bus->capabilities().competing_consumers, "competing consumers");
  auto looking = stream.connect(leased());
  auto subscription = bus->subscribe_to_all([&](const Event& event, const Delivery& delivery) {
    slow.add(event, delivery);
    if (event.payload.bytes() == "slow") gate.wait();
  });
  bus->start_consuming();
  publisher->publish(make_event("OrderCreated", "slow"));
  REQUIRE(gate.wait_for_arrivals(1));
  auto watching = looking->subscribe_to_all(other.handler());
  looking->start_consuming();
  outlast(milliseconds(3500));
  publisher->publish(make_event("OrderCreated", "marker"));
  REQUIRE(other.wait_for_payload("marker"));
  gate.open();
  REQUIRE(settles(*bus));
  CHECK(slow.attempts_of("slow") == Attempts{1});
  CHECK(other.payloads() == std::vector<std::string>{"marker"});
  CHECK(bus->stats().success == 1);
  CHECK(bus->stats().lease_lost == 0);
}

TEST_CASE("buffered events that wait longer than the lease are not taken by others", "[E][E.42]") {
  Stream stream;
  Gate gate;
  Recorder slow, other;
  auto publisher = stream.connect();
  auto bus = stream.connect(leased({{"consumer_name", "slow"}}));
  need(bus->capabilities().competing_consumers, "competing consumers");
  need(bus->capabilities().inspection, "inspection");
  auto looking = stream.connect(leased());
  auto subscription = bus->subscribe_to_all([&](const Event& event, const Delivery& delivery) {
    slow.add(event, delivery);
    if (event.payload.bytes() == "200") gate.wait();  // by then the prefetch has grown
  });
  bus->start_consuming();
  publish_written(*publisher, make_events("OrderCreated", 300));
  REQUIRE(gate.wait_for_arrivals(1));
  REQUIRE(eventually([&] { return bus->stats().in_flight > 1; }));
  auto watching = looking->subscribe_to_all(other.handler());
  looking->start_consuming();
  outlast(milliseconds(2500));
  gate.open();
  REQUIRE(eventually([&] { return slow.count() + other.count() >= 300; }));
  REQUIRE(settles(*bus));
  REQUIRE(settles(*looking));
  std::multiset<std::string> payloads;
  for (const Recorder* recorder : {&slow, &other}) {
    for (const Received& received : recorder->all()) {
      payloads.emplace(received.event.payload.bytes());
      CHECK(received.attempt == 1);
    }
  }
  CHECK(payloads.size() == 300);
  CHECK(std::set<std::string>(payloads.begin(), payloads.end()).size() == 300);
  CHECK(bus->stats().lease_lost == 0);
  CHECK(looking->stats().recovered == 0);
}

// A consumer whose process stands still loses its lease; what it then says is about an event of somebody else.
void late_answer_has_no_effect(const std::string& action) {
  Stream stream;
  Gate gate;
  Recorder recorder;
  auto publisher = stream.connect();
  auto bus = stream.connect(leased());
  need(bus->capabilities().cross_process, "a stream that other processes see");
  need(bus->capabilities().inspection, "inspection");
  need(bus->capabilities().dead_letters, "dead letters");
  Child child(stream, leased({{"consumer_name", "late"}, {"retry.initial_ms", "10"}}), {{"*", action}});
  REQUIRE(child.wait_for("ready"));
  publisher->publish(make_event("OrderCreated", "x"));
  REQUIRE(child.wait_for("got 1 x"));
  child.freeze();
  auto subscription = bus->subscribe_to_all([&](const Event& event, const Delivery& delivery) {
    recorder.add(event, delivery);
    gate.wait();
  });
  bus->start_consuming();
  REQUIRE(gate.wait_for_arrivals(1));
  child.thaw();
  child.go();
  REQUIRE(child.wait_for("done 1 x"));
  child.stop();
  REQUIRE(child.wait_for("stopped"));
  INFO(action);
  // A failed attempt may be known as one before the loss of its lease is.
  const bool failed = action == "hang-retry" && child.count("stats failed 1") == 1;
  CHECK((failed || child.count("stats lease_lost 1") == 1));
  CHECK(child.count("got") == 1);
  const auto group = group_info(*bus, "workers");
  REQUIRE(group);
  CHECK(group->pending == 1);
  CHECK(bus->dead_letters().entries.empty());
  gate.open();
  REQUIRE(settles(*bus));
  CHECK(bus->stats().success == 1);
  CHECK(bus->stats().lease_lost == 0);
  CHECK(recorder.attempts_of("x") == Attempts{2});
}

TEST_CASE("an acknowledgement after the lease was lost has no effect on the new owner, and is counted", "[E][E.46]") {
  late_answer_has_no_effect("hang");
}

TEST_CASE("a failed attempt after the lease was lost has no effect on the new owner, and is counted", "[E][E.46]") {
  late_answer_has_no_effect("hang-retry");
}

TEST_CASE("a release after the lease was lost has no effect on the new owner, and is counted", "[E][E.46]") {
  late_answer_has_no_effect("hang-release");
}

TEST_CASE("a dead letter after the lease was lost has no effect on the new owner, and is counted", "[E][E.46]") {
  late_answer_has_no_effect("hang-dead");
}

TEST_CASE("what a consumer is running is not run a second time by its own recovery", "[E][E.50]") {
  Stream stream;
  Gate gate;
  Recorder recorder;
  auto publisher = stream.connect();
  auto bus = stream.connect(leased());
  auto subscription = bus->subscribe_to_all([&](const Event& event, const Delivery& delivery) {
    recorder.add(event, delivery);
    gate.wait();
  });
  bus->start_consuming();
  publish_written(*publisher, make_events("OrderCreated", 3));
  REQUIRE(gate.wait_for_arrivals(1));
  outlast(milliseconds(2500));
  gate.open();
  REQUIRE(recorder.wait_for(3));
  REQUIRE(settles(*bus));
  CHECK(recorder.payloads() == std::vector<std::string>{"0", "1", "2"});
  for (const Received& received : recorder.all()) CHECK(received.attempt == 1);
  CHECK(bus->stats().success == 3);
}

TEST_CASE("what a consumer is running is not run a second time by a sweep that takes everything", "[E][E.50]") {
  Stream stream;
  Gate gate;
  Recorder recorder;
  auto publisher = stream.connect();
  auto bus = stream.connect(leased({{"concurrency", "2"}}));  // a sweep takes place where a worker is free
  auto subscription = bus->subscribe_to_all([&](const Event& event, const Delivery& delivery) {
    recorder.add(event, delivery);
    gate.wait();
  });
  bus->start_consuming();
  publisher->publish(make_event("OrderCreated", "x"));
  REQUIRE(gate.wait_for_arrivals(1));
  RecoveryOptions everything;
  everything.min_idle = milliseconds(0);
  everything.force = true;
  const RecoveryReport report = bus->recover(everything);
  CHECK(report.reprocessed == 0);
  CHECK(report.dead_lettered == 0);
  gate.open();
  REQUIRE(settles(*bus));
  CHECK(recorder.attempts_of("x") == Attempts{1});
  CHECK(bus->stats().success == 1);
}

TEST_CASE("what a consumer is running is not run a second time after its own reconnect", "[E][E.50]") {
  need_faults();
  Stream stream;
  Gate gate;
  Recorder recorder;
  auto publisher = stream.connect();
  auto bus = stream.connect(leased());
  auto subscription = bus->subscribe_to_all([&](const Event& event, const Delivery& delivery) {
    recorder.add(event, delivery);
    if (event.payload.bytes() == "x") gate.wait();
  });
  bus->start_consuming();
  publisher->publish(make_event("OrderCreated", "x"));
  REQUIRE(gate.wait_for_arrivals(1));
  for (std::uint64_t round = 1; round <= 3; ++round) {
    const auto before = bus->stats().reconnections;
    inflict("kill-connections");
    REQUIRE(eventually([&] { return bus->stats().reconnections > before && bus->is_connected(); }));
  }
  outlast(milliseconds(1500));
  gate.open();
  REQUIRE(eventually([&] { return publisher->is_connected() && bus->is_connected(); }));
  REQUIRE(settles(*bus));
  CHECK(recorder.attempts_of("x") == Attempts{1});
  CHECK(bus->stats().success == 1);
}

TEST_CASE("a hung handler past max_handling_ms is named, its lease ends, and another consumer takes the event",
          "[E][E.51]") {
  Stream stream;
  Gate gate;
  Recorder hung, other;
  auto publisher = stream.connect();
  auto bus = stream.connect(leased({{"max_handling_ms", "1000"}}));
  need(bus->capabilities().competing_consumers, "competing consumers");
  auto looking = stream.connect(leased());
  auto subscription = bus->subscribe_to_all(Handler("stuck-handler", [&](const Event& event, const Delivery& delivery) {
    hung.add(event, delivery);
    gate.wait();
  }));
  auto watching = looking->subscribe_to_all(other.handler());
  bus->start_consuming();
  Event event = make_event("OrderCreated", "x");
  event.id = "the-stuck-event";
  publisher->publish(event);
  REQUIRE(gate.wait_for_arrivals(1));
  CHECK(eventually([&] {
    const Health health = bus->health();
    if (health.status != HealthStatus::red) return false;
    for (const std::string& problem : health.problems) {
      if (problem.find("stuck-handler") != std::string::npos && problem.find("the-stuck-event") != std::string::npos) {
        return true;
      }
    }
    return false;
  }));
  looking->start_consuming();
  CHECK(other.wait_for(1));
  CHECK(other.attempts_of("x") == Attempts{2});
  CHECK(settles(*looking));
  gate.open();
  REQUIRE(settles(*bus));
  CHECK(bus->stats().success == 0);
  CHECK(bus->stats().lease_lost == 1);
  CHECK(hung.count() == 1);
  CHECK(other.count() == 1);
}

TEST_CASE("a handler that returns before max_handling_ms is not disturbed by it", "[E][E.51]") {
  Stream stream;
  Recorder recorder;
  auto publisher = stream.connect();
  auto bus = stream.connect(leased({{"max_handling_ms", "10000"}}));
  auto subscription = bus->subscribe_to_all([&](const Event& event, const Delivery& delivery) {
    outlast(milliseconds(1500));
    recorder.add(event, delivery);
  });
  bus->start_consuming();
  publisher->publish(make_event("OrderCreated", "x"));
  REQUIRE(recorder.wait_for(1));
  REQUIRE(settles(*bus));
  CHECK(recorder.attempts_of("x") == Attempts{1});
  CHECK(bus->stats().success == 1);
  CHECK(bus->health().status == HealthStatus::green);
}

}  // namespace
}  // namespace eventbus::conformance
