// Several processes over one file.
#include <sys/stat.h>

#include <filesystem>
#include <future>
#include <map>
#include <set>

#include "../process.hpp"
#include "harness.hpp"
#include "worker_process.hpp"

namespace eventbus::integration {
namespace {

using conformance::code_of;
using conformance::eventually;
using conformance::make_events;
using conformance::publish_written;
using conformance::Received;
using conformance::Recorder;

// A file of the test's own. Declare it before what uses it.
class File {
 public:
  File() { std::filesystem::create_directory(folder_); }
  ~File() { std::filesystem::remove_all(folder_); }

  std::string config(const std::string& consumer) const {
    return R"({"backend": "sqlite", "stream_prefix": "orders", "consumer_group": "workers", "consumer_name": ")" +
           consumer + R"(", "batch_size": 10, "pending_idle_ms": 1000, "max_retries": 5, "log": {"level": "off"},)" +
           R"( "backends": {"sqlite": {"path": ")" + folder_ + R"(/bus.db"}}})";
  }
  std::unique_ptr<EventBus> connect(const std::string& consumer, const ConfigOverrides& overrides = {}) const {
    auto bus = open_bus(parse_config(config(consumer), "the test's configuration", overrides));
    bus->connect();
    return bus;
  }

 private:
  const std::string folder_ = (std::filesystem::temp_directory_path() / conformance::Stream().prefix()).string();
};

// `payload attempt`
std::pair<std::string, int> parsed(const std::string& line) {
  const auto space = line.find(' ');
  return {line.substr(0, space), std::stoi(line.substr(space + 1))};
}

std::uint64_t pending(const EventBus& bus) {
  const auto group = conformance::group_info(bus, "workers");
  return group ? group->pending : 0;
}

TEST_CASE("what the processes of three publishers send at once reaches a consumer of another process, each once") {
  File file;
  Recorder recorder;
  auto bus = file.connect("reader");
  auto subscription = bus->subscribe_to_all(recorder.handler());
  bus->start_consuming();
  std::vector<std::future<Finished>> publishers;
  for (int i = 0; i < 3; ++i) {
    publishers.push_back(std::async(std::launch::async, [&, i] {
      return run({EVENTBUS_PUBLISHER, file.config("publisher " + std::to_string(i)), "200"});
    }));
  }
  for (auto& publisher : publishers) {
    const Finished finished = publisher.get();
    INFO(finished.output);
    REQUIRE(finished.code == 0);
  }
  REQUIRE(recorder.wait_for(600));
  REQUIRE(eventually([&] { return pending(*bus) == 0; }));
  CHECK(recorder.count() == 600);
  for (int i = 0; i < 200; ++i) CHECK(recorder.count_of_payload(std::to_string(i)) == 3);
  std::set<Position> positions;
  for (const Received& received : recorder.all()) positions.insert(received.position);
  CHECK(positions.size() == 600);
}

TEST_CASE("two processes share the load of their group: none twice, none lost") {
  File file;
  auto bus = file.connect("publisher");
  Worker one(file.config("one"), "handle"), two(file.config("two"), "handle");
  REQUIRE(one.line() == "ready");
  REQUIRE(two.line() == "ready");
  publish_written(*bus, make_events("OrderCreated", 200));
  std::map<std::string, int> seen;
  auto take = [&](Worker& worker) {
    const auto line = worker.line();
    REQUIRE(line);
    ++seen[parsed(*line).first];
  };
  take(one);  // each holds one before either goes on
  take(two);
  one.go();
  two.go();
  REQUIRE(eventually([&] {
    const auto group = conformance::group_info(*bus, "workers");
    return group->lag == 0u && group->pending == 0;
  }));
  one.finish();
  two.finish();
  for (Worker* worker : {&one, &two}) {
    while (const auto line = worker->line()) ++seen[parsed(*line).first];
  }
  CHECK(seen.size() == 200);
  for (const auto& [payload, times] : seen) {
    INFO(payload);
    CHECK(times == 1);
  }
}

TEST_CASE("what a consumer held when it was killed is taken over after its lease, as the next attempt") {
  File file;
  Recorder recorder;
  auto bus = file.connect("survivor");
  auto subscription = bus->subscribe_to_all(recorder.handler());
  {
    Worker victim(file.config("victim"), "handle");
    REQUIRE(victim.line() == "ready");
    publish_written(*bus, make_events("OrderCreated", 20));
    REQUIRE(victim.line() == "0 1");
    bus->start_consuming();
    REQUIRE(recorder.wait_for(1));  // the group is shared before the blow falls
    victim.kill();
    CHECK(victim.finish() == -1);
  }
  REQUIRE(recorder.wait_for_payload("0"));
  REQUIRE(recorder.wait_for(20));
  REQUIRE(eventually([&] { return pending(*bus) == 0; }));
  CHECK(recorder.count() == 20);
  for (const Received& received : recorder.all()) {
    if (received.event.payload.bytes() == "0") CHECK(received.attempt == 2);
    CHECK(received.attempt <= 2);
  }
  // The dead consumer holds nothing any more, and is forgotten.
  REQUIRE(eventually([&] { return conformance::group_info(*bus, "workers")->consumers.size() == 1; }));
}

TEST_CASE("a name is refused while its process lives, and free at once when that is killed, its events first") {
  File file;
  auto publisher = file.connect("publisher");
  Recorder recorder;
  const ConfigOverrides long_lease = {{"pending_idle_ms", "600000"}};
  auto bus = file.connect("same", long_lease);
  auto subscription = bus->subscribe_to_all(recorder.handler());
  Worker holder(file.config("same"), "handle");
  REQUIRE(holder.line() == "ready");
  publish_written(*publisher, make_events("OrderCreated", 3));
  REQUIRE(holder.line() == "0 1");
  CHECK(code_of([&] { bus->start_consuming(); }) == ErrorCode::conflict);
  holder.kill();
  CHECK(holder.finish() == -1);
  bus->start_consuming();  // its lease, of ten minutes here, is not waited for
  REQUIRE(recorder.wait_for(3));
  const auto received = recorder.all();
  CHECK(received[0].event.payload.bytes() == "0");
  CHECK(received[0].attempt == 2);
}

TEST_CASE("what a publisher was told is written is there after it was killed") {
  File file;
  std::vector<std::string> told;
  {
    Worker publisher(file.config("publisher"), "publish");
    while (told.size() < 200) {
      const auto line = publisher.line();
      REQUIRE(line);
      told.push_back(*line);
    }
    publisher.kill();
    publisher.finish();
    while (const auto line = publisher.line()) told.push_back(*line);
  }
  auto bus = file.connect("reader");
  std::set<std::string> kept;
  HistoryQuery query;
  for (std::optional<Position> next = query.from; next;) {
    query.from = *next;
    const HistoryPage page = bus->history(query);
    for (const HistoryEntry& entry : page.entries) kept.emplace(entry.event.payload.bytes());
    next = page.next;
  }
  for (const std::string& payload : told) REQUIRE(kept.contains(payload));
  CHECK(kept.size() <= told.size() + 1);
}

}  // namespace
}  // namespace eventbus::integration
