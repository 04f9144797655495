// A. Subscribing, continued: what handlers do to the bus that runs them
#include <atomic>

#include "harness.hpp"

namespace eventbus::conformance {
namespace {

TEST_CASE("a handler may subscribe, end its own subscription, end another's, and publish", "[A][A.6]") {
  Stream stream;
  Recorder called, added, other, all;
  Subscription own, others, inside;
  auto bus = stream.connect();
  own = bus->subscribe("OrderCreated", [&](const Event& event, const Delivery& delivery) {
    called.add(event, delivery);
    inside = bus->subscribe("OrderPaid", added.handler());
    others.reset();
    own.reset();
    bus->publish(make_event("OrderPaid", "from inside"));
  });
  others = bus->subscribe("OrderPaid", other.handler());
  auto wildcard = bus->subscribe_to_all(all.handler());
  bus->start_consuming();
  bus->publish(make_event("OrderCreated", "first"));
  REQUIRE(all.wait_for_payload("from inside"));
  bus->publish(make_event("OrderCreated", "second"));
  REQUIRE(all.wait_for_payload("second"));
  CHECK(called.payloads() == std::vector<std::string>{"first"});
  CHECK(added.payloads() == std::vector<std::string>{"from inside"});
  CHECK(other.count() == 0);
  bus->stop_consuming();
}

TEST_CASE("a handler may request the stop, which happens after its delivery", "[A][A.6]") {
  Stream stream;
  Recorder recorder;
  std::atomic<bool> requested{false};
  auto bus = stream.connect();
  auto subscription = bus->subscribe("OrderCreated", [&](const Event& event, const Delivery& delivery) {
    if (event.payload.bytes() == "stop") requested = bus->stop_consuming().requested;
    recorder.add(event, delivery);
  });
  bus->start_consuming();
  bus->publish(make_event("OrderCreated", "stop"));
  REQUIRE(recorder.wait_for_payload("stop"));
  CHECK(requested);
  REQUIRE(eventually([&] { return !bus->is_consuming(); }));
  bus->stop_consuming();
  bus->publish(make_event("OrderCreated", "after"));
  CHECK(recorder.count() == 1);
  bus->start_consuming();
  REQUIRE(recorder.wait_for_payload("after"));
  CHECK(recorder.payloads() == std::vector<std::string>{"stop", "after"});
}

TEST_CASE("two handlers on two workers that end each other do not deadlock", "[A][A.6]") {
  Stream stream;
  Gate both;
  Recorder all;
  Subscription left, right;
  auto bus = stream.connect({{"concurrency", "2"}});
  need_background_dispatch(*bus, "inline, one handler runs at a time");
  left = bus->subscribe("Left", [&](const Event&) {
    both.wait();
    right.reset();
  });
  right = bus->subscribe("Right", [&](const Event&) {
    both.wait();
    left.reset();
  });
  auto wildcard = bus->subscribe_to_all(all.handler());
  bus->start_consuming();
  publish_written(*bus, {make_event("Left", "", "a"), make_event("Right", "", "b")});
  REQUIRE(both.wait_for_arrivals(2));
  both.open();
  REQUIRE(all.wait_for(2));
  CHECK(bus->subscriber_count("Left") == 0);
  CHECK(bus->subscriber_count("Right") == 0);
}

TEST_CASE("ending a subscription from outside waits for its running handler", "[A][A.7]") {
  Stream stream;
  Gate gate;
  std::atomic<bool> returned{false};
  auto bus = stream.connect();
  auto subscription = bus->subscribe("OrderCreated", [&](const Event&) {
    gate.wait();
    returned = true;
  });
  bus->start_consuming();
  auto publishing = publish_aside(*bus, {make_event("OrderCreated")});
  REQUIRE(gate.wait_for_arrivals(1));
  auto ending = std::async(std::launch::async, [&] {
    subscription.reset();
    return returned.load();
  });
  CHECK(ending.wait_for(std::chrono::milliseconds(100)) == std::future_status::timeout);
  CHECK_FALSE(returned);
  gate.open();
  CHECK(ending.get());
  CHECK(publishing.get());
}

TEST_CASE("ending a subscription from inside a delivery waits for no handler", "[A][A.7]") {
  Stream stream;
  Gate running;
  Recorder ended, finished;
  Subscription slow;
  auto bus = stream.connect({{"concurrency", "2"}});
  need_background_dispatch(*bus, "inline, one handler runs at a time");
  slow = bus->subscribe("Slow", [&](const Event& event, const Delivery& delivery) {
    running.wait();
    finished.add(event, delivery);
  });
  auto ender = bus->subscribe("End", [&](const Event& event, const Delivery& delivery) {
    slow.reset();
    ended.add(event, delivery);
  });
  bus->start_consuming();
  bus->publish(make_event("Slow", "", "a"));
  REQUIRE(running.wait_for_arrivals(1));
  bus->publish(make_event("End", "", "b"));
  CHECK(ended.wait_for(1));
  CHECK(finished.count() == 0);
  running.open();
  CHECK(finished.wait_for(1));
}

}  // namespace
}  // namespace eventbus::conformance
