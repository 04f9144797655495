// A. Subscribing
#include <algorithm>
#include <array>

#include "harness.hpp"

namespace eventbus::conformance {
namespace {

class TwoTypes final : public Subscriber {
 public:
  explicit TwoTypes(Recorder& recorder) : recorder_(recorder) {}
  std::vector<std::string> event_types() const override { return {"OrderCreated", "OrderPaid"}; }
  Outcome handle(const Event& event, const Delivery& delivery) override {
    recorder_.add(event, delivery);
    return Outcome::ack();
  }
  std::string name() const override { return "two-types"; }

 private:
  Recorder& recorder_;
};

class NoTypes final : public Subscriber {
 public:
  std::vector<std::string> event_types() const override { return {}; }
  Outcome handle(const Event&, const Delivery&) override { return Outcome::ack(); }
};

TEST_CASE("a published event reaches the handler of its type once, with all fields equal", "[A][A.1]") {
  Stream stream;
  Recorder recorder;
  auto bus = stream.connect();
  auto subscription = bus->subscribe("OrderCreated", recorder.handler());
  bus->start_consuming();

  Event event = make_event("OrderCreated", R"({"total": 12.50})", "order-1");
  event.id = "0190a5b4-7c3e-7abc-8def-0123456789ab";
  event.aggregate_type = "Order";
  event.aggregate_version = 42;
  event.occurred_at = Timestamp(std::chrono::microseconds(1'700'000'000'123'456));
  event.headers = {{"tenant_id", "acme"}, {"correlation_id", "c-1"}, {"own", "x"}};
  bus->publish(event);
  bus->publish(make_event("OrderCreated", "marker"));

  REQUIRE(recorder.wait_for_payload("marker"));
  REQUIRE(recorder.count() == 2);
  const Event received = recorder.all().front().event;
  CHECK(received.id == event.id);
  CHECK(received.type == event.type);
  CHECK(received.aggregate_id == event.aggregate_id);
  CHECK(received.aggregate_type == event.aggregate_type);
  CHECK(received.aggregate_version == event.aggregate_version);
  CHECK(received.occurred_at == event.occurred_at);
  CHECK(received.headers == event.headers);
  CHECK(received.payload.bytes() == event.payload.bytes());
  CHECK(received == event);
}

TEST_CASE("handlers of a type run before wildcard ones, each in the order of registration", "[A][A.2]") {
  Stream stream;
  Recorder done;
  std::mutex mutex;
  std::vector<std::string> calls;
  auto noting = [&](const std::string& name) {
    return Handler(name, [&, name](const Event&) {
      std::lock_guard lock(mutex);
      calls.push_back(name);
    });
  };
  auto bus = stream.connect();
  std::vector<Subscription> subscriptions;
  subscriptions.push_back(bus->subscribe_to_all(noting("wildcard 1")));
  subscriptions.push_back(bus->subscribe("OrderCreated", noting("typed 1")));
  subscriptions.push_back(bus->subscribe("OrderCreated", noting("typed 2")));
  subscriptions.push_back(bus->subscribe_to_all(noting("wildcard 2")));
  subscriptions.push_back(bus->subscribe("OrderCreated", noting("typed 3")));
  subscriptions.push_back(bus->subscribe_to_all(done.handler()));
  bus->start_consuming();
  bus->publish(make_event("OrderCreated"));
  REQUIRE(done.wait_for(1));
  std::lock_guard lock(mutex);
  CHECK(calls == std::vector<std::string>{"typed 1", "typed 2", "typed 3", "wildcard 1", "wildcard 2"});
}

TEST_CASE("all handlers of an event run even if one throws", "[A][A.2]") {
  Stream stream;
  Recorder before, after;
  auto bus = stream.connect();
  auto first = bus->subscribe("OrderCreated", before.handler());
  auto second = bus->subscribe("OrderCreated", Handler("throwing", [](const Event& event) {
                                 if (event.payload.bytes() == "bad") throw std::runtime_error("the handler fails");
                               }));
  auto third = bus->subscribe("OrderCreated", after.handler());
  bus->start_consuming();
  bus->publish(make_event("OrderCreated", "bad", "one"));
  bus->publish(make_event("OrderCreated", "good", "another"));
  REQUIRE(after.wait_for_payload("bad"));
  REQUIRE(after.wait_for_payload("good"));
  CHECK(before.count_of_payload("bad") >= 1);
  CHECK(bus->stats().handler_errors >= 1);
}

TEST_CASE("a wildcard handler gets every type, and matching is exact", "[A][A.3]") {
  Stream stream;
  Recorder all, exact, others;
  auto bus = stream.connect();
  auto wildcard = bus->subscribe_to_all(all.handler());
  auto typed = bus->subscribe("Order", exact.handler());
  const std::array<std::string, 6> near_misses = {"order", "Orders", "Orde", "Order.*", "*", "Order "};
  auto near = bus->subscribe(std::span<const std::string>(near_misses), others.handler());
  bus->start_consuming();
  bus->publish(make_event("Order", "order"));
  for (const std::string& type : near_misses) bus->publish(make_event(type, type));
  bus->publish(make_event("Unrelated", "marker"));
  REQUIRE(all.wait_for_payload("marker"));
  CHECK(all.count() == near_misses.size() + 2);
  CHECK(exact.payloads() == std::vector<std::string>{"order"});
  CHECK(others.payloads() == std::vector<std::string>(near_misses.begin(), near_misses.end()));
}

TEST_CASE("subscribe_all registers a subscriber for each type it declares, and its subscription ends all of them",
          "[A][A.4]") {
  Stream stream;
  Recorder subscriber, all;
  auto bus = stream.connect();
  auto subscription = bus->subscribe_all(std::make_shared<TwoTypes>(subscriber));
  auto wildcard = bus->subscribe_to_all(all.handler());
  CHECK(bus->subscriber_count() == 2);
  CHECK(bus->subscriber_count("OrderCreated") == 1);
  CHECK(bus->subscriber_count("OrderPaid") == 1);
  bus->start_consuming();
  bus->publish(make_event("OrderCreated", "created"));
  bus->publish(make_event("OrderPaid", "paid"));
  bus->publish(make_event("OrderSent", "sent"));
  REQUIRE(all.wait_for_payload("sent"));
  CHECK(subscriber.payloads() == std::vector<std::string>{"created", "paid"});

  subscription.reset();
  CHECK(bus->subscriber_count("OrderCreated") == 0);
  CHECK(bus->subscriber_count("OrderPaid") == 0);
  bus->publish(make_event("OrderCreated", "late"));
  bus->publish(make_event("OrderPaid", "later"));
  REQUIRE(all.wait_for_payload("later"));
  CHECK(subscriber.count() == 2);
}

TEST_CASE("a subscriber that is null or names no types is refused", "[A][A.4]") {
  Stream stream;
  auto bus = stream.open();
  CHECK(code_of([&] { bus->subscribe_all(nullptr).detach(); }) == ErrorCode::invalid_argument);
  CHECK(code_of([&] { bus->subscribe_all(std::make_shared<NoTypes>()).detach(); }) == ErrorCode::invalid_argument);
  CHECK(bus->subscriber_count() == 0);
}

TEST_CASE("ending a subscription stops deliveries to it", "[A][A.5]") {
  Stream stream;
  Recorder ended, all;
  auto bus = stream.connect();
  auto subscription = bus->subscribe("OrderCreated", ended.handler());
  auto wildcard = bus->subscribe_to_all(all.handler());
  bus->start_consuming();
  bus->publish(make_event("OrderCreated", "before"));
  REQUIRE(all.wait_for_payload("before"));
  subscription.reset();
  CHECK_FALSE(subscription);
  bus->publish(make_event("OrderCreated", "after"));
  REQUIRE(all.wait_for_payload("after"));
  CHECK(ended.payloads() == std::vector<std::string>{"before"});
}

TEST_CASE("ending a subscription twice, moved, or after the bus is gone is harmless", "[A][A.5]") {
  Stream stream;
  Recorder recorder;
  auto bus = stream.connect();
  auto twice = bus->subscribe("OrderCreated", recorder.handler());
  twice.reset();
  twice.reset();
  auto moved = bus->subscribe("OrderCreated", recorder.handler());
  Subscription target_of_move = std::move(moved);
  moved.reset();  // NOLINT(bugprone-use-after-move)
  CHECK(bus->subscriber_count() == 1);
  bus->subscribe("OrderPaid", recorder.handler()).detach();
  CHECK(bus->subscriber_count("OrderPaid") == 1);
  auto outliving = bus->subscribe_to_all(recorder.handler());
  bus.reset();
  outliving.reset();
  target_of_move.reset();
  CHECK_FALSE(outliving);
}

TEST_CASE("counts by type, in total and of wildcards stay right under concurrent changes from 10 threads", "[A][A.8]") {
  Stream stream;
  auto bus = stream.connect();
  std::vector<std::vector<Subscription>> kept(10);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < kept.size(); ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 100; ++i) {
        auto typed = bus->subscribe("Type" + std::to_string(t % 2), [](const Event&) {});
        auto wildcard = bus->subscribe_to_all([](const Event&) {});
        if (i % 10 == 0) {
          kept[t].push_back(std::move(typed));
          kept[t].push_back(std::move(wildcard));
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(bus->subscriber_count() == 200);
  CHECK(bus->subscriber_count("Type0") == 50);
  CHECK(bus->subscriber_count("Type1") == 50);
  CHECK(bus->subscriber_count("Type2") == 0);
  CHECK(bus->wildcard_subscriber_count() == 100);
  kept.clear();
  CHECK(bus->subscriber_count() == 0);
  CHECK(bus->subscriber_count("Type0") == 0);
  CHECK(bus->wildcard_subscriber_count() == 0);
}

TEST_CASE("an empty handler and an empty type are refused at the call", "[A][A.9]") {
  Stream stream;
  auto bus = stream.open();
  const std::function<void(const Event&)> empty;
  void (*null)(const Event&) = nullptr;
  CHECK(code_of([&] { bus->subscribe("OrderCreated", Handler()).detach(); }) == ErrorCode::invalid_argument);
  CHECK(code_of([&] { bus->subscribe("OrderCreated", empty).detach(); }) == ErrorCode::invalid_argument);
  CHECK(code_of([&] { bus->subscribe_to_all(null).detach(); }) == ErrorCode::invalid_argument);
  CHECK(code_of([&] { bus->subscribe("", [](const Event&) {}).detach(); }) == ErrorCode::invalid_argument);
  CHECK(bus->subscriber_count() == 0);
}

TEST_CASE("subscribing before connecting and while consuming both work", "[A][A.10]") {
  Stream stream;
  Recorder early, late;
  auto bus = stream.open();
  auto before = bus->subscribe("OrderCreated", early.handler());
  bus->connect();
  bus->start_consuming();
  bus->publish(make_event("OrderCreated", "first"));
  REQUIRE(early.wait_for_payload("first"));
  auto during = bus->subscribe("OrderCreated", late.handler());
  bus->publish(make_event("OrderCreated", "second"));
  REQUIRE(late.wait_for_payload("second"));
  CHECK(early.payloads() == std::vector<std::string>{"first", "second"});
  CHECK(late.count() == 1);
}

TEST_CASE("with no subscription nothing is received", "[A][A.10]") {
  Stream stream;
  Recorder witness, late;
  auto bus = stream.connect();
  auto other = stream.connect({{"consumer_group", "witnesses"}});
  auto watching = other->subscribe_to_all(witness.handler());
  bus->start_consuming();
  other->start_consuming();
  publish_written(*bus, make_events("OrderCreated", 3));
  REQUIRE(witness.wait_for(3));
  CHECK(bus->stats().consumed == 0);
  auto subscription = bus->subscribe("OrderCreated", late.handler());
  REQUIRE(late.wait_for(3));
  CHECK(late.payloads() == std::vector<std::string>{"0", "1", "2"});
}

TEST_CASE("what is published while nobody subscribes any more waits for the next subscription", "[A][A.10]") {
  Stream stream;
  Recorder witness, first, second;
  auto bus = stream.connect();
  auto other = stream.connect({{"consumer_group", "witnesses"}});
  auto watching = other->subscribe_to_all(witness.handler());
  bus->start_consuming();
  other->start_consuming();
  auto subscription = bus->subscribe("OrderCreated", first.handler());
  publish_written(*bus, make_events("OrderCreated", 3));
  REQUIRE(first.wait_for(3));
  subscription.reset();
  publish_written(*bus, make_events("OrderCreated", 3));
  REQUIRE(witness.wait_for(6));
  auto again = bus->subscribe("OrderCreated", second.handler());
  REQUIRE(second.wait_for(3));
  for (const Received& received : second.all()) CHECK(received.attempt == 1);
  CHECK(first.count() == 3);
  REQUIRE(eventually([&] { return adds_up(bus->stats()); }));
  CHECK(bus->stats().success == 6);
}

}  // namespace
}  // namespace eventbus::conformance
