// E. Leases and recovery: what others left behind.
#include <algorithm>
#include <set>

#include "child.hpp"
#include "faults.hpp"
#include "harness.hpp"

namespace eventbus::conformance {
namespace {

using std::chrono::milliseconds;
using Attempts = std::vector<std::uint32_t>;

const ConfigOverrides second_lease = {{"pending_idle_ms", "1000"}, {"recovery_interval_ms", "1000"}};
// So long that nothing but the consumer's name can bring its events back within a test's deadline.
const ConfigOverrides minute_lease = {{"pending_idle_ms", "60000"}, {"recovery_interval_ms", "60000"}};

ConfigOverrides with(ConfigOverrides overrides, const ConfigOverrides& more) {
  overrides.insert(overrides.end(), more.begin(), more.end());
  return overrides;
}

void need_processes(const EventBus& bus) {
  need(bus.capabilities().cross_process, "a stream that other processes see");
}

TEST_CASE("what a consumer killed in a handler left is finished by another, the event that ran as attempt 2",
          "[E][E.43]") {
  Stream stream;
  Recorder recorder;
  auto bus = stream.connect(second_lease);
  need_processes(*bus);
  publish_written(*bus, make_events("OrderCreated", 10));
  Child child(stream, with(second_lease, {{"concurrency", "3"}}), {{"*", "hang"}});
  REQUIRE(child.wait_for_lines("got", 3));
  child.kill();
  auto subscription = bus->subscribe_to_all(recorder.handler());
  bus->start_consuming();
  REQUIRE(recorder.wait_for(10));
  REQUIRE(settles(*bus));
  CHECK(recorder.count() == 10);
  for (const char* ran : {"0", "1", "2"}) CHECK(recorder.attempts_of(ran) == Attempts{2});
  for (const Received& received : recorder.all()) CHECK(received.attempt <= 2);
  CHECK(bus->stats().recovered >= 3);
}

TEST_CASE("a consumer started again under its name takes up its own unfinished events first, at once", "[E][E.44]") {
  const ConfigOverrides named = with(minute_lease, {{"consumer_name", "worker"}, {"concurrency", "3"}});
  Stream stream;
  Recorder recorder;
  auto publisher = stream.connect();
  need_processes(*publisher);
  publish_written(*publisher, make_events("OrderCreated", 3));
  Child child(stream, named, {{"*", "hang"}});
  REQUIRE(child.wait_for_lines("got", 3));
  publish_written(*publisher, {make_event("OrderCreated", "new 1"), make_event("OrderCreated", "new 2")});
  child.kill();
  auto bus = stream.connect(with(named, {{"concurrency", "1"}}));
  auto subscription = bus->subscribe_to_all(recorder.handler());
  bus->start_consuming();
  REQUIRE(recorder.wait_for(5));
  CHECK(recorder.payloads() == std::vector<std::string>{"0", "1", "2", "new 1", "new 2"});
  REQUIRE(settles(*bus));
  CHECK(recorder.count() == 5);
}

TEST_CASE("a consumer name that a live process has is refused to another with conflict", "[E][E.44]") {
  Stream stream;
  Recorder recorder;
  auto bus = stream.connect({{"consumer_name", "worker"}});
  auto second = stream.connect({{"consumer_name", "worker"}});
  auto elsewhere = stream.connect({{"consumer_name", "worker"}, {"consumer_group", "others"}});
  auto subscription = bus->subscribe_to_all(recorder.handler());
  bus->start_consuming();
  const auto error = error_of([&] { second->start_consuming(); });
  REQUIRE(error);
  CHECK(error->code() == ErrorCode::conflict);
  CHECK(std::string(error->what()).find("worker") != std::string::npos);
  CHECK_FALSE(second->is_consuming());
  elsewhere->start_consuming();  // another group has names of its own
  bus->publish(make_event("OrderCreated", "x"));
  REQUIRE(recorder.wait_for(1));
  bus->disconnect();
  second->start_consuming();  // given back, it is free
  CHECK(second->is_consuming());
}

TEST_CASE("a consumer name that a live process has is refused to another process with conflict", "[E][E.44]") {
  const ConfigOverrides named = with(minute_lease, {{"consumer_name", "worker"}});
  Stream stream;
  Recorder recorder;
  auto bus = stream.connect(named);
  need_processes(*bus);
  Child child(stream, named);
  REQUIRE(child.wait_for("ready"));
  CHECK(code_of([&] { bus->start_consuming(); }) == ErrorCode::conflict);
  bus->publish(make_event("OrderCreated", "x"));
  CHECK(child.wait_for("done 1 x"));
  child.kill();
  auto subscription = bus->subscribe_to_all(recorder.handler());
  bus->start_consuming();  // at once, with its lease still running
  bus->publish(make_event("OrderCreated", "y"));
  CHECK(recorder.wait_for_payload("y"));
}

// Lets one process after another die of the same event, until all that is left is settled.
void poison_ends_in_dead_letters(std::uint32_t max_retries) {
  const ConfigOverrides named =
      with(second_lease,
           {{"consumer_name", "worker"}, {"max_retries", std::to_string(max_retries)}, {"retry.initial_ms", "10"}});
  const std::size_t allowed = std::max<std::size_t>(3, 1 + max_retries);
  Stream stream;
  auto bus = stream.connect(named);
  need_processes(*bus);
  need(bus->capabilities().dead_letters, "dead letters");
  need(bus->capabilities().inspection, "inspection");
  std::vector<Event> events = make_events("OrderCreated", 30);
  events.insert(events.begin() + 20, make_event("OrderCreated", "poison"));
  publish_written(*bus, events);
  std::set<std::string> done;
  std::size_t runs = 0;
  const auto settled = [&] {
    const auto group = group_info(*bus, "workers");
    return group && group->pending == 0 && group->lag.value_or(0) == 0;
  };
  for (std::size_t life = 1; life <= allowed + 2; ++life) {
    Child child(stream, named, {{"poison", "kill"}});
    REQUIRE(eventually([&] { return child.is_dead() || settled(); }));
    child.kill();
    for (const std::string& line : child.lines()) {
      if (line.starts_with("done ")) done.insert(line.substr(line.find(' ', 5) + 1));
      if (line.starts_with("got ") && line.ends_with(" poison")) ++runs;
    }
    if (settled()) break;
  }
  CHECK(settled());
  CHECK(runs == allowed);
  CHECK(done.size() == 30);
  const auto dead = bus->dead_letters().entries;
  REQUIRE(dead.size() == 1);
  CHECK(dead[0].event.payload.bytes() == "poison");
  CHECK(dead[0].attempts == allowed);
  CHECK_FALSE(dead[0].reason.empty());
}

TEST_CASE("an event that kills its process each time ends in the dead letters, and its neighbours do not",
          "[E][E.45]") {
  poison_ends_in_dead_letters(4);
}

TEST_CASE("with max_retries 0 an event that kills its process spares its neighbours too", "[E][E.45]") {
  poison_ends_in_dead_letters(0);
}

TEST_CASE("a thousand poison events do not keep fifty good ones from being recovered", "[E][E.47]") {
  Stream stream;
  Recorder good;
  auto bus = stream.connect(with(second_lease, {{"max_in_flight", "200"}, {"max_retries", "10"}}));
  need_processes(*bus);
  publish_written(*bus, make_events("Poison", 1000));
  publish_written(*bus, make_events("Good", 50));
  Child child(stream, with(second_lease, {{"max_in_flight", "2000"}}), {{"*", "defer"}});
  REQUIRE(child.wait_for_lines("done", 1050));
  child.kill();
  auto poison = bus->subscribe("Poison", [](const Event&) { return Outcome::retry(milliseconds(60000)); });
  auto others = bus->subscribe("Good", good.handler());
  bus->start_consuming();
  REQUIRE(good.wait_for(50));
  REQUIRE(eventually([&] { return bus->stats().retried == 1000; }));
  CHECK(good.count() == 50);
  CHECK(bus->stats().parked == 1000);
  CHECK(bus->stats().dead_lettered == 0);
}

TEST_CASE("a pending event that was trimmed away is counted as lost and neither comes back nor blocks", "[E][E.49]") {
  need_faults();
  Stream stream;
  Recorder recorder;
  auto bus = stream.connect(second_lease);
  need_processes(*bus);
  need(bus->capabilities().inspection, "inspection");
  std::vector<Event> events = make_events("OrderCreated", 6);
  for (Event& event : events) event.aggregate_id = "order-1";
  const auto positions = publish_written(*bus, events);
  Child child(stream, second_lease, {{"*", "hang"}});
  REQUIRE(child.wait_for_lines("got", 1));
  child.kill();
  auto pending = group_info(*bus, "workers")->pending;
  REQUIRE(pending >= 1);
  inflict("delete-entry", {bus->stream_name(), to_string(positions[0])});
  auto subscription = bus->subscribe_to_all(recorder.handler());
  bus->start_consuming();
  bus->publish(make_event("OrderCreated", "marker", "order-1"));
  REQUIRE(recorder.wait_for(6));
  REQUIRE(settles(*bus));
  CHECK(recorder.count_of_payload("0") == 0);
  CHECK(recorder.count() == 6);
  CHECK(bus->stats().lost == 1);
  CHECK(adds_up(bus->stats()));
}

TEST_CASE("an event that is trimmed away while it waits for its retry is counted as lost and unblocks its aggregate",
          "[E][E.49]") {
  need_faults();
  Stream stream;
  Recorder recorder;
  auto bus = stream.connect(with(second_lease, {{"retry.initial_ms", "1500"}}));
  auto subscription = bus->subscribe_to_all([&](const Event& event, const Delivery& delivery) {
    recorder.add(event, delivery);
    if (event.payload.bytes() == "0") throw std::runtime_error("not today");
  });
  bus->start_consuming();
  const Position position = bus->publish(make_event("OrderCreated", "0", "order-1"));
  REQUIRE(eventually([&] { return bus->stats().parked == 1; }));
  inflict("delete-entry", {bus->stream_name(), to_string(position)});
  bus->publish(make_event("OrderCreated", "1", "order-1"));
  REQUIRE(recorder.wait_for_payload("1"));
  REQUIRE(settles(*bus));
  CHECK(recorder.attempts_of("0") == Attempts{1});
  CHECK(bus->stats().lost == 1);
  CHECK(bus->stats().success == 1);
}

}  // namespace
}  // namespace eventbus::conformance
