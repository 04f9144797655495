// G. Stopping
#include <atomic>
#include <set>

#include "harness.hpp"

namespace eventbus::conformance {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

TEST_CASE("stop waits for running handlers, releases what has not started, and reports both", "[G][G.59]") {
  Stream stream;
  Gate gate;
  Recorder first, second;
  auto publisher = stream.connect();
  auto bus = stream.connect();
  auto subscription = bus->subscribe_to_all([&](const Event& event, const Delivery& delivery) {
    if (event.payload.bytes() == "200") gate.wait();  // by then the prefetch has grown
    first.add(event, delivery);
  });
  bus->start_consuming();
  publish_written(*publisher, make_events("OrderCreated", 300));
  REQUIRE(gate.wait_for_arrivals(1));
  auto stopping = std::async(std::launch::async, [&] { return bus->stop_consuming(deadline); });
  CHECK(stopping.wait_for(milliseconds(100)) == std::future_status::timeout);
  CHECK(first.count() == 200);
  gate.open();
  const DrainReport report = stopping.get();
  CHECK_FALSE(report.requested);
  CHECK(report.finished == 1);
  CHECK(report.abandoned == 0);
  CHECK(report.abandoned_names.empty());
  CHECK_FALSE(bus->is_consuming());
  CHECK(first.count() == 201);
  const Stats stats = bus->stats();
  CHECK(adds_up(stats));
  CHECK(stats.success == 201);
  CHECK(stats.released == report.released);
  CHECK(stats.consumed == 201 + report.released);

  auto successor = stream.connect();
  auto taking_over = successor->subscribe_to_all(second.handler());
  const auto before = Clock::now();
  successor->start_consuming();
  REQUIRE(second.wait_for(99));
  CHECK(Clock::now() - before < milliseconds(10000));
  std::set<std::string> payloads;
  for (const Received& received : second.all()) {
    CHECK(received.attempt == 1);
    payloads.emplace(received.event.payload.bytes());
  }
  CHECK(payloads.size() == 99);
  CHECK_FALSE(payloads.contains("200"));
}

TEST_CASE("publish returns while a handler that a stop abandoned still runs", "[G][G.60]") {
  Stream stream;
  Gate gate;
  auto publisher = stream.connect();
  auto bus = stream.connect();
  auto subscription = bus->subscribe_to_all([&](const Event&) { gate.wait(); });
  Gate::OpenAtEnd opens(gate);
  bus->start_consuming();
  publisher->publish(make_event("OrderCreated"));
  REQUIRE(gate.wait_for_arrivals(1));
  CHECK(bus->stop_consuming(std::chrono::milliseconds(10)).abandoned == 1);
  bus->start_consuming();
  auto published = publish_aside(*bus, make_events("OrderCreated", 1));
  CHECK(published.wait_for(deadline / 2) == std::future_status::ready);  // the gate opens by itself at the deadline
}

TEST_CASE("with a deadline too short stop returns in time, names what it abandoned, and that is delivered again later",
          "[G][G.60]") {
  Stream stream;
  Gate gate;
  Recorder late, again;
  auto bus = stream.connect({{"pending_idle_ms", "1000"}, {"recovery_interval_ms", "1000"}});
  auto subscription =
      bus->subscribe("OrderCreated", Handler("slow-handler", [&](const Event& event, const Delivery& delivery) {
                       gate.wait();
                       late.add(event, delivery);
                     }));
  bus->start_consuming();
  Event event = make_event("OrderCreated", "slow");
  event.id = "the-slow-event";
  auto publishing = publish_aside(*bus, {event});
  REQUIRE(gate.wait_for_arrivals(1));
  const auto before = Clock::now();
  const DrainReport report = bus->stop_consuming(milliseconds(200));
  CHECK(Clock::now() - before < milliseconds(5000));
  CHECK(report.finished == 0);
  CHECK(report.abandoned == 1);
  REQUIRE(report.abandoned_names.size() == 1);
  INFO(report.abandoned_names.front());
  CHECK(report.abandoned_names.front().find("slow-handler") != std::string::npos);
  CHECK(report.abandoned_names.front().find("the-slow-event") != std::string::npos);
  gate.open();
  REQUIRE(late.wait_for(1));  // its acknowledgement comes too late to have an effect
  CHECK(publishing.get());
  CHECK(bus->stats().abandoned == 1);
  CHECK(bus->stats().success == 0);

  auto successor = stream.connect({{"pending_idle_ms", "1000"}, {"recovery_interval_ms", "1000"}});
  auto taking_over = successor->subscribe_to_all(again.handler());
  successor->start_consuming();
  REQUIRE(again.wait_for(1));
  CHECK(again.all().front().event.id == "the-slow-event");
  CHECK(again.all().front().redelivered);
  REQUIRE(eventually([&] { return adds_up(successor->stats()); }));
  CHECK(successor->stats().success == 1);
}

TEST_CASE("after stop returns no handler starts", "[G][G.61]") {
  Stream stream;
  Recorder witness;
  std::atomic<bool> stopped{false}, publish{true};
  std::atomic<int> started{0}, too_late{0};
  auto publisher = stream.connect();
  auto other = stream.connect({{"consumer_group", "witnesses"}});
  auto watching = other->subscribe_to_all(witness.handler());
  other->start_consuming();
  auto bus = stream.connect({{"concurrency", "2"}});
  auto subscription = bus->subscribe_to_all([&](const Event&) {
    ++started;
    if (stopped) ++too_late;
  });
  bus->start_consuming();
  auto publishing = std::async(std::launch::async, [&] {
    while (publish) publisher->publish(make_event("OrderCreated", "many"));
  });
  const bool running = eventually([&] { return started > 50; });
  bus->stop_consuming();
  stopped = true;
  const int after_stop = started;
  publish = false;
  publishing.get();
  REQUIRE(running);
  publisher->publish(make_event("OrderCreated", "marker"));
  REQUIRE(witness.wait_for_payload("marker"));
  CHECK(too_late == 0);
  CHECK(started == after_stop);
}

TEST_CASE("stop and disconnect twice are harmless", "[G][G.61]") {
  Stream stream;
  Recorder recorder;
  auto bus = stream.open();
  bus->stop_consuming();
  bus->disconnect();
  bus->connect();
  bus->connect();
  bus->stop_consuming();
  auto subscription = bus->subscribe_to_all(recorder.handler());
  bus->start_consuming();
  bus->publish(make_event("OrderCreated"));
  REQUIRE(recorder.wait_for(1));
  bus->stop_consuming();
  const DrainReport report = bus->stop_consuming();
  CHECK(report.finished == 0);
  CHECK(report.released == 0);
  CHECK(report.abandoned == 0);
  bus->disconnect();
  bus->disconnect();
  bus->stop_consuming();
  CHECK_FALSE(bus->is_connected());
  CHECK_FALSE(bus->is_consuming());
}

TEST_CASE("the destructor stops and disconnects", "[G][G.61]") {
  Stream stream;
  Gate gate;
  Recorder first, second;
  auto publisher = stream.connect();
  auto bus = stream.connect({{"consumer_name", "worker"}});
  auto subscription = bus->subscribe_to_all([&](const Event& event, const Delivery& delivery) {
    gate.wait();
    first.add(event, delivery);
  });
  bus->start_consuming();
  publish_written(*publisher, make_events("OrderCreated", 2));
  REQUIRE(gate.wait_for_arrivals(1));
  auto ending = std::async(std::launch::async, [&] {
    bus.reset();
    return first.count();
  });
  CHECK(ending.wait_for(milliseconds(100)) == std::future_status::timeout);
  gate.open();
  CHECK(ending.get() >= 1);
  const std::size_t handled = first.count();
  auto successor = stream.connect({{"consumer_name", "worker"}});  // the name is free again
  auto taking_over = successor->subscribe_to_all(second.handler());
  successor->start_consuming();
  publisher->publish(make_event("OrderCreated", "marker"));
  REQUIRE(second.wait_for_payload("marker"));
  REQUIRE(second.wait_for(3 - handled));
  CHECK(first.count() == handled);
}

TEST_CASE("start, stop, start again works", "[G][G.62]") {
  Stream stream;
  Recorder recorder;
  auto bus = stream.connect();
  auto subscription = bus->subscribe_to_all(recorder.handler());
  for (std::size_t round = 1; round <= 3; ++round) {
    CHECK_FALSE(bus->is_consuming());
    bus->start_consuming();
    CHECK(bus->is_consuming());
    bus->publish(make_event("OrderCreated", std::to_string(round)));
    REQUIRE(recorder.wait_for(round));
    bus->stop_consuming();
  }
  bus->disconnect();
  bus->connect();
  bus->start_consuming();
  bus->publish(make_event("OrderCreated", "4"));
  REQUIRE(recorder.wait_for_payload("4"));
  CHECK(recorder.payloads() == std::vector<std::string>{"1", "2", "3", "4"});
}

TEST_CASE("a second start while consuming is refused with conflict", "[G][G.62]") {
  Stream stream;
  Recorder recorder;
  auto bus = stream.connect();
  auto subscription = bus->subscribe_to_all(recorder.handler());
  bus->start_consuming();
  CHECK(code_of([&] { bus->start_consuming(); }) == ErrorCode::conflict);
  bus->publish(make_event("OrderCreated"));
  CHECK(recorder.wait_for(1));
}

}  // namespace
}  // namespace eventbus::conformance
