// Several buses and several processes over one real redis-server.
#include <filesystem>
#include <future>
#include <set>

#include "harness.hpp"
#include "process.hpp"
#include "redis_server.hpp"

namespace eventbus::integration {
namespace {

using conformance::deadline;
using conformance::eventually;
using conformance::Gate;
using conformance::make_event;
using conformance::make_events;
using conformance::publish_written;
using conformance::Received;
using conformance::Recorder;
using testing::RedisServer;
using Clock = std::chrono::steady_clock;

std::string config_for(const RedisServer& server) {
  return R"({"backend": "redis-streams", "stream_prefix": "orders", "consumer_group": "workers", "batch_size": 1000,)"
         R"( "log": {"level": "error"}, "backends": {"redis-streams": {"redis_url": ")" +
         server.url() + R"("}}})";
}

std::unique_ptr<EventBus> connect(const RedisServer& server, const ConfigOverrides& overrides = {}) {
  auto bus = open_bus(parse_config(config_for(server), "the test's configuration", overrides));
  bus->connect();
  return bus;
}

TEST_CASE("two publishers' processes leave no group behind", "[redis]") {
  RedisServer server;
  const std::vector<std::string> command = {EVENTBUS_PUBLISHER, config_for(server), "100"};
  auto other = std::async(std::launch::async, [&] { return run(command); });
  const Finished one = run(command), two = other.get();
  INFO(one.output << two.output);
  REQUIRE(one.code == 0);
  REQUIRE(two.code == 0);
  auto bus = connect(server);
  const StreamInfo info = bus->stream_info();
  CHECK(info.length == 200);
  CHECK(info.groups.empty());
}

TEST_CASE("a consumer that is stopped with 500 events buffered leaves them to another one within about a second",
          "[redis]") {
  RedisServer server;
  Gate gate;
  Recorder first, second;
  auto publisher = connect(server);
  // One aggregate, so that everything waits behind the first event, and a second worker that asks for more.
  auto stopped = connect(server, {{"concurrency", "2"}});
  auto other = connect(server, {{"batch_size", "100"}});  // several claims' worth
  auto subscription = stopped->subscribe_to_all([&](const Event& event, const Delivery& delivery) {
    gate.wait();
    first.add(event, delivery);
  });
  auto taking_over = other->subscribe_to_all(second.handler());
  std::vector<Event> events = make_events("OrderCreated", 600);
  for (Event& event : events) event.aggregate_id = "order-1";
  publish_written(*publisher, std::move(events));
  stopped->start_consuming();
  REQUIRE(gate.wait_for_arrivals(1));
  REQUIRE(eventually([&] { return stopped->stats().in_flight == 600; }));
  other->start_consuming();
  auto stopping = std::async(std::launch::async, [&] { return stopped->stop_consuming(deadline); });
  const auto before = Clock::now();
  const bool left = eventually([&] { return second.count() >= 599; });
  const auto took = Clock::now() - before;
  gate.open();
  const DrainReport report = stopping.get();
  CHECK(left);
  CHECK(took < std::chrono::seconds(40));  // the lease is a minute: nothing but the small claim is quicker
  CHECK(report.finished == 1);
  CHECK(report.released == 599);
  CHECK(report.abandoned == 0);
  std::set<std::string> payloads;
  for (const Recorder* recorder : {&first, &second}) {
    for (const Received& received : recorder->all()) {
      CHECK(received.attempt == 1);
      payloads.emplace(received.event.payload.bytes());
    }
  }
  CHECK(payloads.size() == 600);
  CHECK(first.count() + second.count() == 600);
}

TEST_CASE("a host with the plugin file removed says which paths it tried", "[redis]") {
  namespace fs = std::filesystem;
  RedisServer server;
  const fs::path place = fs::temp_directory_path() / conformance::Stream().prefix();
  fs::create_directories(place / "bin");
  fs::create_directories(place / "plugins");
  const fs::path plugin = place / "plugins" / fs::path(EVENTBUS_REDIS_PLUGIN).filename();
  fs::copy_file(EVENTBUS_PUBLISHER, place / "bin" / "publisher");
  fs::copy_file(EVENTBUS_REDIS_PLUGIN, plugin);
  const std::vector<std::string> command = {(place / "bin" / "publisher").string(), config_for(server), "1"};
  const Finished with_plugin = run(command);
  fs::remove(plugin);
  const Finished without = run(command);
  fs::remove_all(place);
  INFO(with_plugin.output);
  CHECK(with_plugin.code == 0);
  INFO(without.output);
  CHECK(without.code == 1);
  CHECK(without.output.find("redis-streams") != std::string::npos);
  CHECK(without.output.find(plugin.string()) != std::string::npos);
}

}  // namespace
}  // namespace eventbus::integration
