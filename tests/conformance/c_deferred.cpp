// C. Consuming and acknowledging: outcomes that come later.
#include "harness.hpp"

namespace eventbus::conformance {
namespace {

using std::chrono::milliseconds;
using Attempts = std::vector<std::uint32_t>;

// Takes deferred outcomes from handlers and hands them to the test. Declare it after the bus.
class Promises {
 public:
  void add(Deferred deferred) {
    std::lock_guard lock(mutex_);
    promises_.push_back(std::move(deferred));
    changed_.notify_all();
  }
  bool wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, deadline, [&] { return promises_.size() >= count; });
  }
  Deferred take() {
    std::lock_guard lock(mutex_);
    Deferred deferred = std::move(promises_.back());
    promises_.pop_back();
    return deferred;
  }

 private:
  std::mutex mutex_;  // guards promises_
  std::condition_variable changed_;
  std::vector<Deferred> promises_;
};

TEST_CASE("a deferred event is settled when its outcome comes, from another thread, and not before", "[C][C.25]") {
  Stream stream;
  Promises promises;
  Recorder recorder;
  auto publisher = stream.connect();
  auto bus = stream.connect();
  auto subscription = bus->subscribe_to_all([&](const Event& event, const Delivery& delivery) {
    recorder.add(event, delivery);
    promises.add(delivery.defer());
  });
  bus->start_consuming();
  publisher->publish(make_event("OrderCreated", "x"));
  REQUIRE(promises.wait_for(1));
  CHECK(bus->stats().success == 0);
  CHECK(bus->stats().in_flight == 1);
  if (bus->capabilities().inspection) CHECK(group_info(*bus, "workers")->pending == 1);
  Deferred deferred = promises.take();
  CHECK(std::async(std::launch::async, [&] { return deferred.settle(Outcome::ack()); }).get());
  REQUIRE(settles(*bus));
  CHECK(bus->stats().success == 1);
  CHECK(recorder.count() == 1);
}

TEST_CASE("a second outcome of a deferred event is refused and harmless", "[C][C.25]") {
  Stream stream;
  Promises promises;
  Recorder recorder;
  auto publisher = stream.connect();
  auto bus = stream.connect();
  auto subscription = bus->subscribe_to_all([&](const Event& event, const Delivery& delivery) {
    recorder.add(event, delivery);
    promises.add(delivery.defer());
  });
  bus->start_consuming();
  publisher->publish(make_event("OrderCreated", "x"));
  REQUIRE(promises.wait_for(1));
  Deferred deferred = promises.take();
  CHECK(deferred.settle(Outcome::ack()));
  CHECK_FALSE(deferred.settle(Outcome::dead_letter("too late")));
  CHECK_FALSE(deferred.settle(Outcome::retry()));
  REQUIRE(settles(*bus));
  CHECK(bus->stats().success == 1);
  CHECK(bus->stats().failed == 0);
  CHECK(recorder.count() == 1);
}

TEST_CASE("a deferred outcome that is dropped unsettled is a failed attempt", "[C][C.25]") {
  Stream stream;
  Promises promises;
  Recorder recorder;
  auto publisher = stream.connect();
  auto bus = stream.connect({{"retry.initial_ms", "10"}});
  auto subscription = bus->subscribe_to_all([&](const Event& event, const Delivery& delivery) {
    recorder.add(event, delivery);
    if (delivery.attempt() == 1) promises.add(delivery.defer());
  });
  bus->start_consuming();
  publisher->publish(make_event("OrderCreated", "x"));
  REQUIRE(promises.wait_for(1));
  CHECK(recorder.count() == 1);
  { const Deferred dropped = promises.take(); }
  REQUIRE(recorder.wait_for(2));
  CHECK(recorder.attempts_of("x") == Attempts{1, 2});
  REQUIRE(settles(*bus));
  CHECK(bus->stats().failed == 1);
  CHECK(bus->stats().success == 1);
}

TEST_CASE("a deferred outcome may ask for a retry, a dead letter, or give the event back", "[C][C.25]") {
  Stream stream;
  Promises promises;
  Recorder recorder;
  auto publisher = stream.connect();
  auto bus = stream.connect({{"retry.initial_ms", "10"}});
  need(bus->capabilities().dead_letters, "dead letters");
  auto subscription = bus->subscribe_to_all([&](const Event& event, const Delivery& delivery) {
    recorder.add(event, delivery);
    promises.add(delivery.defer());
  });
  bus->start_consuming();
  publisher->publish(make_event("OrderCreated", "x"));
  REQUIRE(promises.wait_for(1));
  CHECK(promises.take().settle(Outcome::retry()));
  REQUIRE(promises.wait_for(1));
  CHECK(promises.take().settle(Outcome::release()));
  REQUIRE(promises.wait_for(1));
  CHECK(promises.take().settle(Outcome::dead_letter("enough")));
  const auto dead = wait_for_dead_letters(*bus, 1);
  REQUIRE(dead.size() == 1);
  CHECK(dead[0].reason.find("enough") != std::string::npos);
  CHECK(recorder.attempts_of("x") == Attempts{1, 2, 2});
  REQUIRE(settles(*bus));
  CHECK(bus->stats().retried == 1);
  CHECK(bus->stats().released == 1);
  CHECK(bus->stats().dead_lettered == 1);
}

TEST_CASE("a deferred outcome waits for the other handlers of its event, and they for it", "[C][C.25]") {
  Stream stream;
  Promises promises;
  Recorder recorder;
  auto publisher = stream.connect();
  auto bus = stream.connect({{"retry.initial_ms", "10"}});
  auto deferring = bus->subscribe_to_all([&](const Event&, const Delivery& delivery) {
    if (delivery.attempt() == 1) promises.add(delivery.defer());
  });
  auto other = bus->subscribe_to_all(recorder.handler());
  bus->start_consuming();
  publisher->publish(make_event("OrderCreated", "x"));
  REQUIRE(promises.wait_for(1));
  REQUIRE(recorder.wait_for(1));
  CHECK(bus->stats().success == 0);
  CHECK(promises.take().settle(Outcome::retry()));
  REQUIRE(settles(*bus));
  CHECK(bus->stats().retried == 1);
  CHECK(bus->stats().success == 1);
  CHECK(recorder.attempts_of("x") == Attempts{1});  // the retry runs the handler that failed
}

TEST_CASE("a deferred outcome that comes after its bus is gone is refused and harmless", "[C][C.25]") {
  Stream stream;
  Promises promises;
  Recorder again;
  auto publisher = stream.connect();
  auto bus = stream.connect({{"pending_idle_ms", "1000"}, {"shutdown_timeout_ms", "100"}});
  auto subscription =
      bus->subscribe_to_all([&](const Event&, const Delivery& delivery) { promises.add(delivery.defer()); });
  bus->start_consuming();
  publisher->publish(make_event("OrderCreated", "x"));
  REQUIRE(promises.wait_for(1));
  bus.reset();
  CHECK_FALSE(promises.take().settle(Outcome::ack()));
  auto successor = stream.connect({{"pending_idle_ms", "1000"}});
  auto takes = successor->subscribe_to_all(again.handler());
  successor->start_consuming();
  REQUIRE(again.wait_for_payload("x"));
}

TEST_CASE("an event may be deferred once by a handler, and a handler that throws has its say", "[C][C.25]") {
  Stream stream;
  Promises promises;
  Recorder recorder;
  std::optional<ErrorCode> second;
  auto publisher = stream.connect();
  auto bus = stream.connect({{"retry.initial_ms", "10"}});
  auto subscription = bus->subscribe_to_all([&](const Event& event, const Delivery& delivery) {
    recorder.add(event, delivery);
    if (delivery.attempt() > 1) return;
    promises.add(delivery.defer());
    second = code_of([&] { static_cast<void>(delivery.defer()); });
    throw std::runtime_error("not today");
  });
  bus->start_consuming();
  publisher->publish(make_event("OrderCreated", "x"));
  REQUIRE(recorder.wait_for(2));
  CHECK(second == ErrorCode::invalid_argument);
  CHECK_FALSE(promises.take().settle(Outcome::ack()));
  REQUIRE(settles(*bus));
  CHECK(bus->stats().retried == 1);
  CHECK(bus->stats().success == 1);
}

}  // namespace
}  // namespace eventbus::conformance
