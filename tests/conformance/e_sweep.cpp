// E. Leases and recovery: a sweep by call.
#include "child.hpp"
#include "faults.hpp"
#include "harness.hpp"

namespace eventbus::conformance {
namespace {

using std::chrono::milliseconds;
using Attempts = std::vector<std::uint32_t>;

// So long that nothing but a sweep by call can bring events back within a test's deadline.
const ConfigOverrides minute_lease = {{"pending_idle_ms", "60000"}, {"recovery_interval_ms", "60000"}};

ConfigOverrides with(ConfigOverrides overrides, const ConfigOverrides& more) {
  overrides.insert(overrides.end(), more.begin(), more.end());
  return overrides;
}

RecoveryOptions everything() {
  RecoveryOptions options;
  options.min_idle = milliseconds(0);
  options.force = true;
  return options;
}

// Events that a consumer which is gone held, and never finished.
std::vector<Position> left_behind(EventBus& bus, const Stream& stream, std::vector<Event> events) {
  need(bus.capabilities().cross_process, "a stream that other processes see");
  need(bus.capabilities().inspection, "inspection");
  const auto positions = publish_written(bus, std::move(events));
  Child child(stream, minute_lease, {{"*", "defer"}});
  REQUIRE(child.wait_for_lines("done", positions.size()));
  child.kill();
  REQUIRE(group_info(bus, "workers")->pending == positions.size());
  return positions;
}

TEST_CASE("a sweep by call handles what others left and reports each by its real outcome", "[E][E.48]") {
  need_faults();
  Stream stream;
  Recorder good;
  auto bus = stream.connect(with(minute_lease, {{"max_retries", "3"}, {"retry.initial_ms", "30000"}}));
  need(bus->capabilities().dead_letters, "dead letters");
  std::vector<Event> events = make_events("Good", 4);
  for (const char* type : {"Fails", "Dies", "Dies"}) events.push_back(make_event(type, type));
  events.push_back(make_event("Good", "trimmed"));
  const auto positions = left_behind(*bus, stream, events);
  inflict("delete-entry", {bus->stream_name(), to_string(positions.back())});
  auto one = bus->subscribe("Good", good.handler());
  auto two = bus->subscribe("Fails", [](const Event&) { throw std::runtime_error("not today"); });
  auto three = bus->subscribe("Dies", [](const Event&) { return Outcome::dead_letter("never"); });
  bus->start_consuming();
  const RecoveryReport report = bus->recover(everything());
  CHECK_FALSE(report.requested);
  CHECK(report.checked == report.claimed + report.lost);
  CHECK(report.claimed == 7);
  CHECK(report.reprocessed == 4);
  CHECK(report.failed == 1);
  CHECK(report.dead_lettered == 2);
  CHECK(report.lost <= 1);  // where the consumer's own small claim came first it was that which found it
  CHECK(good.count() == 4);
  for (const Received& received : good.all()) CHECK(received.attempt == 2);
  CHECK(bus->stats().lost == 1);
}

TEST_CASE("a sweep by call with nothing left behind reports zeros", "[E][E.48]") {
  Stream stream;
  Recorder recorder;
  auto bus = stream.connect(minute_lease);
  auto subscription = bus->subscribe_to_all(recorder.handler());
  bus->start_consuming();
  bus->publish(make_event("OrderCreated"));
  REQUIRE(recorder.wait_for(1));
  REQUIRE(settles(*bus));
  const RecoveryReport report = bus->recover(everything());
  CHECK(report.claimed == 0);
  CHECK(report.reprocessed == 0);
  CHECK(report.dead_lettered == 0);
  CHECK(report.failed == 0);
  CHECK(report.lost == 0);
  CHECK(recorder.count() == 1);
}

TEST_CASE("a sweep by call leaves what has not idled for min_idle", "[E][E.48]") {
  Stream stream;
  Recorder recorder;
  auto bus = stream.connect(minute_lease);
  left_behind(*bus, stream, make_events("OrderCreated", 3));
  auto subscription = bus->subscribe_to_all(recorder.handler());
  bus->start_consuming();
  const RecoveryReport report = bus->recover();
  CHECK(report.claimed == 0);
  CHECK(report.reprocessed == 0);
  CHECK(recorder.count() == 0);
  CHECK(group_info(*bus, "workers")->pending == 3);
}

TEST_CASE("a sweep by call under the lease is refused without force", "[E][E.48]") {
  Stream stream;
  Recorder recorder;
  auto bus = stream.connect(minute_lease);
  auto subscription = bus->subscribe_to_all(recorder.handler());
  bus->start_consuming();
  RecoveryOptions options;
  options.min_idle = milliseconds(10);
  const auto error = error_of([&] { bus->recover(options); });
  REQUIRE(error);
  CHECK(error->code() == ErrorCode::invalid_argument);
  CHECK(std::string(error->what()).find("force") != std::string::npos);
}

TEST_CASE("a sweep by call dead-letters what is past the retries that it was given", "[E][E.48]") {
  Stream stream;
  Recorder recorder;
  auto bus = stream.connect(with(minute_lease, {{"max_retries", "10"}}));
  need(bus->capabilities().dead_letters, "dead letters");
  left_behind(*bus, stream, make_events("OrderCreated", 2));
  auto subscription = bus->subscribe_to_all([&](const Event& event, const Delivery& delivery) {
    recorder.add(event, delivery);
    throw std::runtime_error("not today");
  });
  bus->start_consuming();
  RecoveryOptions options = everything();
  options.max_retries = 1;  // attempt 2 is then the last
  const RecoveryReport report = bus->recover(options);
  CHECK(report.claimed == 2);
  CHECK(report.dead_lettered == 2);
  CHECK(report.failed == 0);
  CHECK(wait_for_dead_letters(*bus, 2).size() == 2);
  CHECK(recorder.count() == 2);
}

TEST_CASE("a sweep by call with no subscription acknowledges nothing and uses no attempt", "[E][E.48]") {
  Stream stream;
  Recorder recorder;
  auto bus = stream.connect(minute_lease);
  left_behind(*bus, stream, make_events("OrderCreated", 3));
  bus->start_consuming();
  const RecoveryReport report = bus->recover(everything());
  CHECK(report.reprocessed == 0);
  CHECK(report.dead_lettered == 0);
  CHECK(group_info(*bus, "workers")->pending == 3);
  auto subscription = bus->subscribe_to_all(recorder.handler());
  bus->recover(everything());
  REQUIRE(recorder.wait_for(3));
  for (const Received& received : recorder.all()) CHECK(received.attempt == 2);
}

TEST_CASE("a sweep by call works on a bus that is not consuming", "[E][E.48]") {
  Stream stream;
  Recorder recorder;
  auto bus = stream.connect(minute_lease);
  left_behind(*bus, stream, make_events("OrderCreated", 3));
  auto subscription = bus->subscribe_to_all(recorder.handler());
  const RecoveryReport report = bus->recover(everything());
  CHECK(report.claimed == 3);
  CHECK(report.reprocessed == 3);
  CHECK(recorder.count() == 3);
  CHECK(group_info(*bus, "workers")->pending == 0);
  CHECK_FALSE(bus->is_consuming());
}

TEST_CASE("a sweep called inside a delivery is requested and happens after it", "[E][E.48]") {
  Stream stream;
  Recorder recorder;
  std::optional<RecoveryReport> report;
  auto bus = stream.connect(minute_lease);
  left_behind(*bus, stream, make_events("OrderCreated", 3));
  auto subscription = bus->subscribe_to_all([&](const Event& event, const Delivery& delivery) {
    if (event.type == "Sweep") report = bus->recover(everything());
    recorder.add(event, delivery);
  });
  bus->start_consuming();
  bus->publish(make_event("Sweep", "sweep"));
  REQUIRE(recorder.wait_for(4));
  REQUIRE(report);
  CHECK(report->requested);
  CHECK(report->claimed == 0);
  CHECK(recorder.payloads().front() == "sweep");
}

}  // namespace
}  // namespace eventbus::conformance
