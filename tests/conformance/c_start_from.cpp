// C. Consuming and acknowledging: where a group that is created later begins.
#include <cstdio>
#include <ctime>

#include "harness.hpp"

namespace eventbus::conformance {
namespace {

Timestamp utc_now() {
  return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
}

// As the configuration takes it: 2026-11-23T00:00:00.123456Z
std::string text_of(Timestamp time) {
  const auto micros = time.time_since_epoch().count();
  const std::time_t seconds = static_cast<std::time_t>(micros / 1000000);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char date[32], text[48];
  std::strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(text, sizeof text, "%s.%06dZ", date, static_cast<int>(micros % 1000000));
  return text;
}

// A moment that no event of either side shares, even where the backend's clock counts milliseconds.
Timestamp moment_between() {
  const Timestamp before = utc_now();
  eventually([&] { return utc_now() > before + std::chrono::milliseconds(5); });
  const Timestamp moment = utc_now();
  eventually([&] { return utc_now() > moment + std::chrono::milliseconds(5); });
  return moment;
}

TEST_CASE("a group created later begins after the position that start_from names", "[C][C.29]") {
  Stream stream;
  Recorder recorder;
  auto publisher = stream.connect();
  const auto positions = publish_written(*publisher, make_events("OrderCreated", 6));
  auto bus = stream.connect({{"start_from", R"({"position": ")" + to_string(positions[2]) + R"("})"}});
  auto subscription = bus->subscribe_to_all(recorder.handler());
  bus->start_consuming();
  publisher->publish(make_event("OrderCreated", "marker"));
  REQUIRE(recorder.wait_for_payload("marker"));
  CHECK(recorder.payloads() == std::vector<std::string>{"3", "4", "5", "marker"});
}

TEST_CASE("a group created later begins with the first event at the time that start_from names", "[C][C.29]") {
  Stream stream;
  Recorder recorder;
  auto publisher = stream.connect();
  publish_written(*publisher, make_events("OrderCreated", 3));
  const Timestamp moment = moment_between();
  publish_written(*publisher, {make_event("OrderCreated", "later")});
  auto bus = stream.connect({{"start_from", R"({"time": ")" + text_of(moment) + R"("})"}});
  auto subscription = bus->subscribe_to_all(recorder.handler());
  bus->start_consuming();
  publisher->publish(make_event("OrderCreated", "marker"));
  REQUIRE(recorder.wait_for_payload("marker"));
  CHECK(recorder.payloads() == std::vector<std::string>{"later", "marker"});
}

TEST_CASE("a group that begins at a time to come gets what is published from then on", "[C][C.29]") {
  Stream stream;
  Recorder recorder;
  auto publisher = stream.connect();
  publish_written(*publisher, make_events("OrderCreated", 3));
  const Timestamp moment = utc_now() + std::chrono::milliseconds(500);
  auto bus = stream.connect({{"start_from", R"({"time": ")" + text_of(moment) + R"("})"}});
  auto subscription = bus->subscribe_to_all(recorder.handler());
  bus->start_consuming();
  REQUIRE(eventually([&] { return utc_now() > moment + std::chrono::milliseconds(5); }));
  publisher->publish(make_event("OrderCreated", "marker"));
  REQUIRE(recorder.wait_for_payload("marker"));
  CHECK(recorder.payloads() == std::vector<std::string>{"marker"});
}

}  // namespace
}  // namespace eventbus::conformance
