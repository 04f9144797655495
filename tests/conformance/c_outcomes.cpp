// C. Consuming and acknowledging: what a handler's outcome leads to.
#include <atomic>

#include "harness.hpp"

namespace eventbus::conformance {
namespace {

using std::chrono::milliseconds;
using Attempts = std::vector<std::uint32_t>;

// Backoffs without jitter, so that a lower bound is one.
ConfigOverrides backoff(int initial_ms, ConfigOverrides more = {}) {
  more.insert(more.end(), {{"retry.initial_ms", std::to_string(initial_ms)}, {"retry.jitter", "0"}});
  return more;
}

TEST_CASE("an event whose handler throws is delivered again as attempt 2, not before the backoff", "[C][C.23]") {
  Stream stream;
  Recorder recorder;
  auto publisher = stream.connect();
  auto bus = stream.connect(backoff(400));
  auto subscription = bus->subscribe_to_all([&](const Event& event, const Delivery& delivery) {
    recorder.add(event, delivery);
    if (delivery.attempt() == 1) throw std::runtime_error("not today");
  });
  bus->start_consuming();
  const Position position = publisher->publish(make_event("OrderCreated", "once more"));
  REQUIRE(recorder.wait_for(2));
  const auto received = recorder.all();
  CHECK(received[0].attempt == 1);
  CHECK_FALSE(received[0].redelivered);
  CHECK(received[1].attempt == 2);
  CHECK(received[1].redelivered);
  CHECK(received[1].position == position);
  CHECK(received[1].event == received[0].event);
  CHECK(received[1].at - received[0].at >= milliseconds(400));
  REQUIRE(settles(*bus));
  const Stats stats = bus->stats();
  CHECK(stats.failed == 1);
  CHECK(stats.retried == 1);
  CHECK(stats.success == 1);
  CHECK(stats.handler_errors == 1);
  CHECK(recorder.count() == 2);
}

TEST_CASE("what a handler throws need not be an exception object", "[C][C.23]") {
  Stream stream;
  Recorder recorder;
  auto publisher = stream.connect();
  auto bus = stream.connect(backoff(10));
  auto subscription = bus->subscribe_to_all([&](const Event& event, const Delivery& delivery) {
    recorder.add(event, delivery);
    if (delivery.attempt() == 1) throw 7;
  });
  bus->start_consuming();
  publisher->publish(make_event("OrderCreated", "x"));
  REQUIRE(recorder.wait_for(2));
  CHECK(recorder.attempts_of("x") == Attempts{1, 2});
}

TEST_CASE("the backoff grows with each failed attempt, up to its limit", "[C][C.23]") {
  Stream stream;
  Recorder recorder;
  auto publisher = stream.connect();
  auto bus = stream.connect(backoff(100, {{"retry.multiplier", "3"}, {"retry.max_ms", "300"}, {"max_retries", "10"}}));
  auto subscription = bus->subscribe_to_all([&](const Event& event, const Delivery& delivery) {
    recorder.add(event, delivery);
    if (delivery.attempt() < 5) throw std::runtime_error("not today");
  });
  bus->start_consuming();
  publisher->publish(make_event("OrderCreated", "x"));
  REQUIRE(recorder.wait_for(5));
  const auto received = recorder.all();
  CHECK(recorder.attempts_of("x") == Attempts{1, 2, 3, 4, 5});
  CHECK(received[1].at - received[0].at >= milliseconds(100));
  CHECK(received[2].at - received[1].at >= milliseconds(300));
  CHECK(received[3].at - received[2].at >= milliseconds(300));
  CHECK(received[4].at - received[3].at >= milliseconds(300));
}

TEST_CASE("a retry comes after the time that the handler asked for, whatever the backoff is", "[C][C.24]") {
  Stream stream;
  Recorder longer, shorter;
  auto publisher = stream.connect();
  auto bus = stream.connect(backoff(10));
  auto patient = stream.connect(backoff(60000, {{"consumer_group", "patient"}}));
  auto asks_for_more = bus->subscribe_to_all([&](const Event& event, const Delivery& delivery) {
    longer.add(event, delivery);
    return delivery.attempt() == 1 ? Outcome::retry(milliseconds(500)) : Outcome::ack();
  });
  auto asks_for_less = patient->subscribe_to_all([&](const Event& event, const Delivery& delivery) {
    shorter.add(event, delivery);
    return delivery.attempt() == 1 ? Outcome::retry(milliseconds(10)) : Outcome::ack();
  });
  bus->start_consuming();
  patient->start_consuming();
  publisher->publish(make_event("OrderCreated", "x"));
  REQUIRE(longer.wait_for(2));
  CHECK(longer.attempts_of("x") == Attempts{1, 2});
  CHECK(longer.all()[1].at - longer.all()[0].at >= milliseconds(500));
  REQUIRE(shorter.wait_for(2));  // within the deadline, which is shorter than the backoff
  CHECK(shorter.attempts_of("x") == Attempts{1, 2});
  REQUIRE(settles(*bus));
  CHECK(bus->stats().retried == 1);
}

TEST_CASE("an event for which a handler asks for it becomes a dead letter at once, with the reason", "[C][C.24]") {
  Stream stream;
  Recorder recorder;
  auto publisher = stream.connect();
  auto bus = stream.connect(backoff(10));
  need(bus->capabilities().dead_letters, "dead letters");
  auto subscription = bus->subscribe_to_all([&](const Event& event, const Delivery& delivery) {
    recorder.add(event, delivery);
    return Outcome::dead_letter("the customer is unknown");
  });
  bus->start_consuming();
  publisher->publish(make_event("OrderCreated", "x"));
  const auto dead = wait_for_dead_letters(*bus, 1);
  REQUIRE(dead.size() == 1);
  CHECK(dead[0].reason.find("the customer is unknown") != std::string::npos);
  CHECK(dead[0].attempts == 1);
  REQUIRE(settles(*bus));
  CHECK(recorder.attempts_of("x") == Attempts{1});
  CHECK(bus->stats().dead_lettered == 1);
  CHECK(bus->stats().retried == 0);
}

TEST_CASE("a released event goes to another consumer before its lease ends, with no attempt used", "[C][C.24]") {
  const ConfigOverrides minute = backoff(60000, {{"pending_idle_ms", "60000"}, {"recovery_interval_ms", "60000"}});
  Stream stream;
  Recorder first, second;
  auto publisher = stream.connect();
  auto releasing = stream.connect(minute);
  need(releasing->capabilities().competing_consumers, "competing consumers");
  auto taking = stream.connect(minute);
  auto gives_back = releasing->subscribe_to_all([&](const Event& event, const Delivery& delivery) {
    first.add(event, delivery);
    return Outcome::release();
  });
  auto takes = taking->subscribe_to_all(second.handler());
  releasing->start_consuming();
  publisher->publish(make_event("OrderCreated", "x"));
  REQUIRE(eventually([&] { return releasing->stats().released == 1; }));
  taking->start_consuming();
  REQUIRE(second.wait_for(1));
  CHECK(second.attempts_of("x") == Attempts{1});
  CHECK(first.attempts_of("x") == Attempts{1});
  REQUIRE(settles(*taking));
  CHECK(releasing->stats().failed == 0);
  CHECK(adds_up(releasing->stats()));
}

TEST_CASE("a consumer is not offered again what it released within the initial backoff", "[C][C.24]") {
  Stream stream;
  Recorder recorder;
  auto publisher = stream.connect();
  auto bus = stream.connect(backoff(1000));
  auto subscription = bus->subscribe_to_all([&](const Event& event, const Delivery& delivery) {
    recorder.add(event, delivery);
    return recorder.count() < 3 ? Outcome::release() : Outcome::ack();
  });
  bus->start_consuming();
  publisher->publish(make_event("OrderCreated", "x"));
  REQUIRE(recorder.wait_for(3));
  const auto received = recorder.all();
  CHECK(recorder.attempts_of("x") == Attempts{1, 1, 1});
  CHECK(received[1].at - received[0].at >= milliseconds(1000));
  CHECK(received[2].at - received[1].at >= milliseconds(1000));
  REQUIRE(settles(*bus));
  CHECK(bus->stats().released == 2);
  CHECK(bus->stats().success == 1);
}

TEST_CASE("where one handler of three fails, the retry runs that one alone", "[C][C.26]") {
  Stream stream;
  Recorder before, failing, after;
  auto publisher = stream.connect();
  auto bus = stream.connect(backoff(10));
  auto first = bus->subscribe("OrderCreated", before.handler("before"));
  auto second = bus->subscribe("OrderCreated", [&](const Event& event, const Delivery& delivery) {
    failing.add(event, delivery);
    if (delivery.attempt() < 3) throw std::runtime_error("not today");
  });
  auto third = bus->subscribe_to_all(after.handler("after"));
  bus->start_consuming();
  publisher->publish(make_event("OrderCreated", "x"));
  REQUIRE(failing.wait_for(3));
  REQUIRE(settles(*bus));
  CHECK(failing.attempts_of("x") == Attempts{1, 2, 3});
  CHECK(before.attempts_of("x") == Attempts{1});
  CHECK(after.attempts_of("x") == Attempts{1});
  CHECK(bus->stats().success == 1);
  CHECK(bus->stats().retried == 2);
}

TEST_CASE("a dead letter beats a failed attempt, whoever of the handlers comes first", "[C][C.26]") {
  Stream stream;
  Recorder recorder;
  auto publisher = stream.connect();
  auto bus = stream.connect(backoff(10));
  need(bus->capabilities().dead_letters, "dead letters");
  auto one = bus->subscribe("ThrowsFirst", [](const Event&) { throw std::runtime_error("not today"); });
  auto two = bus->subscribe("ThrowsFirst", [](const Event&) { return Outcome::dead_letter("never"); });
  auto three = bus->subscribe("DiesFirst", [](const Event&) { return Outcome::dead_letter("never"); });
  auto four = bus->subscribe("DiesFirst", [](const Event&) { throw std::runtime_error("not today"); });
  auto every = bus->subscribe_to_all(recorder.handler());
  bus->start_consuming();
  publish_written(*publisher, {make_event("ThrowsFirst", "a"), make_event("DiesFirst", "b")});
  const auto dead = wait_for_dead_letters(*bus, 2);
  REQUIRE(dead.size() == 2);
  for (const DeadLetter& letter : dead) {
    CHECK(letter.reason.find("never") != std::string::npos);
    CHECK(letter.attempts == 1);
  }
  REQUIRE(settles(*bus));
  CHECK(recorder.count() == 2);
  CHECK(bus->stats().retried == 0);
}

TEST_CASE("a failed attempt beats a release, and a release beats an acknowledgement", "[C][C.26]") {
  Stream stream;
  Recorder failed, released;
  auto publisher = stream.connect();
  auto bus = stream.connect(backoff(10));
  auto one = bus->subscribe("Fails", [](const Event&) { return Outcome::release(); });
  auto two = bus->subscribe("Fails", [&](const Event& event, const Delivery& delivery) {
    failed.add(event, delivery);
    return delivery.attempt() == 1 ? Outcome::retry() : Outcome::ack();
  });
  auto three = bus->subscribe("Released", [&](const Event& event, const Delivery& delivery) {
    released.add(event, delivery);
    return released.count() == 1 ? Outcome::release() : Outcome::ack();
  });
  auto four = bus->subscribe("Released", [](const Event&) { return Outcome::ack(); });
  bus->start_consuming();
  publish_written(*publisher, {make_event("Fails", "a"), make_event("Released", "b")});
  REQUIRE(failed.wait_for(2));
  CHECK(failed.attempts_of("a") == Attempts{1, 2});
  REQUIRE(released.wait_for(2));
  CHECK(released.attempts_of("b") == Attempts{1, 1});
  REQUIRE(settles(*bus));
  CHECK(bus->stats().retried == 1);
  CHECK(bus->stats().released == 1);
  CHECK(bus->stats().success == 2);
}

TEST_CASE("of several retries the longest delay counts", "[C][C.26]") {
  Stream stream;
  Recorder recorder;
  auto publisher = stream.connect();
  auto bus = stream.connect(backoff(10));
  const auto wants = [&](milliseconds after) {
    return Handler([&recorder, after](const Event& event, const Delivery& delivery) {
      recorder.add(event, delivery);
      return delivery.attempt() == 1 ? Outcome::retry(after) : Outcome::ack();
    });
  };
  auto one = bus->subscribe_to_all(wants(milliseconds(20)));
  auto two = bus->subscribe_to_all(wants(milliseconds(600)));
  auto three = bus->subscribe_to_all(wants(milliseconds(20)));
  bus->start_consuming();
  publisher->publish(make_event("OrderCreated", "x"));
  REQUIRE(recorder.wait_for(6));
  const auto received = recorder.all();
  CHECK(recorder.attempts_of("x") == Attempts{1, 1, 1, 2, 2, 2});
  CHECK(received[3].at - received[2].at >= milliseconds(600));
}

}  // namespace
}  // namespace eventbus::conformance
