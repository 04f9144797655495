// I. Looking inside
#include "harness.hpp"

namespace eventbus::conformance {
namespace {

TEST_CASE("statistics add up as documented whenever idle", "[I][I.70]") {
  Stream stream;
  Recorder recorder;
  auto bus = stream.connect({{"concurrency", "2"}});
  CHECK(adds_up(bus->stats()));
  auto subscription = bus->subscribe("OrderCreated", recorder.handler());
  bus->start_consuming();
  for (int round = 1; round <= 3; ++round) {
    publish_written(*bus, make_events("OrderCreated", 50));
    publish_written(*bus, make_events("Unknown", 7));
    Event refused = make_event("OrderCreated");
    refused.headers.set("a=b", "");
    CHECK(code_of([&] { bus->publish(refused); }) == ErrorCode::invalid_argument);
    const auto rounds = static_cast<std::uint64_t>(round);
    REQUIRE(recorder.wait_for(50 * rounds));
    REQUIRE(eventually([&] { return bus->stats().consumed == 57 * rounds && bus->stats().in_flight == 0; }));
    const Stats stats = bus->stats();
    CHECK(adds_up(stats));
    CHECK(stats.published == 57 * rounds);
    CHECK(stats.publish_rejected == rounds);
    CHECK(stats.publish_unknown == 0);
    CHECK(stats.success == 50 * rounds);
    CHECK(stats.unhandled == 7 * rounds);
    CHECK(stats.failed == 0);
    CHECK(stats.handler_errors == 0);
    CHECK(stats.reconnections == 0);
  }
  bus->stop_consuming();
  CHECK(adds_up(bus->stats()));
}

TEST_CASE("stream info tells of an absent stream that it is absent", "[I][I.71]") {
  Stream stream;
  auto bus = stream.connect();
  need(bus->capabilities().inspection, "inspection");
  const StreamInfo info = bus->stream_info();
  CHECK(info.stream == stream.prefix() + ":stream");
  CHECK_FALSE(info.exists);
  CHECK(info.length == 0);
  CHECK_FALSE(info.first);
  CHECK_FALSE(info.last);
  CHECK(info.groups.empty());
  CHECK(info.dead_letters.value_or(0) == 0);
}

TEST_CASE("a read-only bus sees what is there, and changes nothing", "[I][I.71]") {
  Stream stream;
  auto bus = stream.connect();
  need(bus->capabilities().inspection, "inspection");
  publish_written(*bus, make_events("OrderCreated", 3));
  auto onlooker = stream.connect({{"read_only", "true"}});
  auto refused = [](auto&& call) { return code_of(call) == ErrorCode::unsupported; };
  CHECK(onlooker->stream_info().length == 3);
  CHECK(onlooker->health().connected);
  CHECK(refused([&] { onlooker->publish(make_event("OrderCreated")); }));
  CHECK(refused([&] { static_cast<void>(onlooker->publish_all(make_events("OrderCreated", 2))); }));
  CHECK(refused([&] { onlooker->publish_background(make_event("OrderCreated")); }));
  CHECK(refused([&] { onlooker->start_consuming(); }));
  CHECK(refused([&] { static_cast<void>(onlooker->recover()); }));
  CHECK(refused([&] { static_cast<void>(onlooker->replay_dead_letter(Position{1, 0})); }));
  CHECK(refused([&] { static_cast<void>(onlooker->purge_dead_letters({})); }));
  CHECK(refused([&] { static_cast<void>(onlooker->import_dead_letters({})); }));
  const StreamInfo info = bus->stream_info();
  CHECK(info.length == 3);
  CHECK(info.groups.empty());
}

TEST_CASE("stream info tells of an empty stream with a fresh group", "[I][I.71]") {
  Stream stream;
  auto bus = stream.connect();
  need(bus->capabilities().inspection, "inspection");
  bus->start_consuming();
  const StreamInfo info = bus->stream_info();
  CHECK(info.exists);
  CHECK(info.length == 0);
  REQUIRE(info.groups.size() == 1);
  CHECK(info.groups.front().name == "workers");
  CHECK(info.groups.front().pending == 0);
  CHECK(info.groups.front().lag.value_or(0) == 0);
}

TEST_CASE("stream info tells of a stream that nobody has read yet", "[I][I.71]") {
  Stream stream;
  auto bus = stream.connect();
  need(bus->capabilities().inspection, "inspection");
  const auto positions = publish_written(*bus, make_events("OrderCreated", 5));
  const StreamInfo info = bus->stream_info();
  CHECK(info.exists);
  CHECK(info.length == 5);
  CHECK(info.first == positions.front());
  CHECK(info.last == positions.back());
  bus->start_consuming();
  const auto group = group_info(*bus, "workers");
  REQUIRE(group);
  CHECK(group->pending == 0);
  CHECK(group->lag.value_or(5) == 5);
}

TEST_CASE("stream info tells of a busy stream what is pending, and never a wrong lag", "[I][I.71]") {
  Stream stream;
  Gate gate;
  Recorder recorder;
  auto publisher = stream.connect();
  auto bus = stream.connect({{"consumer_name", "worker-1"}});
  need(bus->capabilities().inspection, "inspection");
  auto subscription = bus->subscribe_to_all([&](const Event& event, const Delivery& delivery) {
    gate.wait();
    recorder.add(event, delivery);
  });
  bus->start_consuming();
  publish_written(*publisher, make_events("OrderCreated", 20));
  REQUIRE(gate.wait_for_arrivals(1));
  auto group = group_info(*bus, "workers");
  REQUIRE(group);
  CHECK(group->pending >= 1);
  if (group->lag) CHECK(group->pending + *group->lag == 20);
  REQUIRE(group->consumers.size() == 1);
  CHECK(group->consumers.front().name == "worker-1");
  CHECK(group->consumers.front().pending == group->pending);
  gate.open();
  REQUIRE(recorder.wait_for(20));
  REQUIRE(eventually([&] { return group_info(*bus, "workers")->pending == 0; }));
  group = group_info(*bus, "workers");
  CHECK(group->lag.value_or(0) == 0);
  CHECK(group->last_delivered == bus->stream_info().last);
}

TEST_CASE("health tells whether the bus is connected and consuming", "[I][I.70]") {
  Stream stream;
  auto bus = stream.open();
  CHECK_FALSE(bus->health().connected);
  bus->connect();
  CHECK(bus->health().connected);
  CHECK_FALSE(bus->health().consuming);
  auto subscription = bus->subscribe_to_all([](const Event&) {});
  bus->start_consuming();
  const Health health = bus->health();
  CHECK(health.consuming);
  CHECK(health.status == HealthStatus::green);
  CHECK(health.problems.empty());
}

}  // namespace
}  // namespace eventbus::conformance
