// Planned faults over the Redis plugin: the decorator of the testing kit around a real transport.
#include <eventbus/testing/fault_plan.hpp>

#include "harness.hpp"
#include "redis_server.hpp"

namespace eventbus::integration {
namespace {

using conformance::eventually;
using conformance::make_events;
using conformance::Recorder;
using testing::FaultPlan;
using testing::RedisServer;

TEST_CASE("appends that fail, are lost and come twice, and a reply that is lost, over the Redis plugin", "[redis]") {
  RedisServer server;
  BusConfig config = parse_config(
      R"({"backend": "redis-streams", "stream_prefix": "orders", "pending_idle_ms": 1000, "log": {"level": "off"},)"
      R"( "backends": {"redis-streams": {"redis_url": ")" +
      server.url() + R"("}}})");
  auto plan = std::make_shared<FaultPlan>();
  plan->at_append(2).fail();
  plan->at_append(3).lose_reply();
  plan->at_append(4).duplicate();
  plan->at_delivery(1).lose_reply();
  plan->at_settlement(1).lose_reply();
  Recorder recorder;
  auto bus = testing::open_bus_with_faults(config, plan);
  bus->connect();
  auto subscription = bus->subscribe_to_all(recorder.handler());
  bus->start_consuming();
  const auto results = bus->publish_all(make_events("OrderCreated", 4));
  CHECK(results[0].status == PublishResult::Status::written);
  CHECK(results[1].status == PublishResult::Status::rejected);
  CHECK(results[2].status == PublishResult::Status::unknown);
  CHECK(results[3].status == PublishResult::Status::written);
  REQUIRE(recorder.wait_for(4));
  CHECK(eventually([&] { return bus->stream_info().groups.at(0).pending == 0; }));
  CHECK(bus->history().entries.size() == 4);
  CHECK(recorder.count() == 4);
  CHECK(plan->expect_all_happened());
}

}  // namespace
}  // namespace eventbus::integration
