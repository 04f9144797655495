// G. Stopping: what it costs the events.
#include <set>

#include "harness.hpp"

namespace eventbus::conformance {
namespace {

using std::chrono::milliseconds;
using Attempts = std::vector<std::uint32_t>;

TEST_CASE("a graceful stop counts no attempt, however often it is done", "[G][G.63]") {
  Stream stream;
  Gate gate;
  Recorder recorder;
  std::atomic<bool> slow{false};
  auto publisher = stream.connect();
  // With no retries one attempt too many makes a dead letter.
  const ConfigOverrides strict = {{"max_retries", "0"}, {"pending_idle_ms", "60000"}, {"retry.initial_ms", "100"}};
  publish_written(*publisher, make_events("OrderCreated", 100));
  for (int round = 0; round < 8; ++round) {
    auto bus = stream.connect(strict);
    auto subscription = bus->subscribe_to_all([&](const Event& event, const Delivery& delivery) {
      std::this_thread::sleep_for(milliseconds(2));  // the work
      recorder.add(event, delivery);
    });
    const std::size_t before = recorder.count();
    bus->start_consuming();
    REQUIRE(recorder.wait_for(std::min<std::size_t>(before + 5, 100)));
    const DrainReport report = bus->stop_consuming();
    CHECK(report.abandoned == 0);
    CHECK(bus->stats().failed == 0);
    CHECK(adds_up(bus->stats()));
    if (bus->capabilities().dead_letters) CHECK(bus->dead_letters().entries.empty());
  }
  auto bus = stream.connect(strict);
  auto subscription = bus->subscribe_to_all(recorder.handler());
  bus->start_consuming();
  REQUIRE(recorder.wait_for(100));
  REQUIRE(settles(*bus));
  CHECK(recorder.count() == 100);
  const auto payloads = recorder.payloads();
  CHECK(std::set<std::string>(payloads.begin(), payloads.end()).size() == 100);
  for (const Received& received : recorder.all()) CHECK(received.attempt == 1);
  if (bus->capabilities().dead_letters) CHECK(bus->dead_letters().entries.empty());
}

TEST_CASE("a retry that waits when the bus stops keeps its failures, and is charged with nothing more", "[G][G.63]") {
  Stream stream;
  Recorder first, second;
  auto publisher = stream.connect();
  const ConfigOverrides overrides = {{"max_retries", "1"}, {"retry.initial_ms", "1000"}, {"retry.jitter", "0"}};
  auto bus = stream.connect(overrides);
  auto failing = bus->subscribe_to_all([&](const Event& event, const Delivery& delivery) {
    first.add(event, delivery);
    throw std::runtime_error("not today");
  });
  bus->start_consuming();
  publisher->publish(make_event("OrderCreated", "x"));
  REQUIRE(eventually([&] { return bus->stats().parked == 1; }));
  const DrainReport report = bus->stop_consuming();
  CHECK(report.abandoned == 0);
  CHECK(bus->stats().failed == 1);
  CHECK(adds_up(bus->stats()));
  auto successor = stream.connect(overrides);
  auto subscription = successor->subscribe_to_all(second.handler());
  successor->start_consuming();
  REQUIRE(second.wait_for(1));
  CHECK(second.attempts_of("x") == Attempts{2});
  CHECK(first.attempts_of("x") == Attempts{1});
  REQUIRE(settles(*successor));
  CHECK(successor->stats().success == 1);
}

TEST_CASE("a handler that is running when the bus stops has its outcome counted as what it is", "[G][G.63]") {
  Stream stream;
  Gate gate;
  Recorder second;
  auto publisher = stream.connect();
  auto bus = stream.connect({{"concurrency", "2"}, {"retry.initial_ms", "10"}});
  auto subscription = bus->subscribe_to_all([&](const Event& event, const Delivery&) {
    gate.wait();
    if (event.payload.bytes() == "fails") throw std::runtime_error("not today");
  });
  bus->start_consuming();
  publish_written(*publisher, {make_event("OrderCreated", "fails"), make_event("OrderCreated", "works")});
  REQUIRE(gate.wait_for_arrivals(is_inline(*bus) ? 1 : 2));
  auto stopping = std::async(std::launch::async, [&] { return bus->stop_consuming(deadline); });
  CHECK(stopping.wait_for(milliseconds(100)) == std::future_status::timeout);
  gate.open();
  const DrainReport report = stopping.get();
  CHECK(report.abandoned == 0);
  CHECK(bus->stats().failed == 1);
  CHECK(adds_up(bus->stats()));
  auto successor = stream.connect();
  auto taking_over = successor->subscribe_to_all(second.handler());
  successor->start_consuming();
  REQUIRE(second.wait_for_payload("fails"));
  CHECK(second.attempts_of("fails") == Attempts{2});
}

}  // namespace
}  // namespace eventbus::conformance
