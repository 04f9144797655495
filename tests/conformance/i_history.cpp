// I. Looking inside: history.
#include "harness.hpp"

namespace eventbus::conformance {
namespace {

Timestamp utc_now() {
  return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
}

// A moment that no event of either side shares, even where the backend's clock counts milliseconds.
Timestamp moment_between() {
  const Timestamp before = utc_now();
  eventually([&] { return utc_now() > before + std::chrono::milliseconds(5); });
  const Timestamp moment = utc_now();
  eventually([&] { return utc_now() > moment + std::chrono::milliseconds(5); });
  return moment;
}

std::vector<std::string> payloads_of(const std::vector<HistoryEntry>& entries) {
  std::vector<std::string> payloads;
  for (const HistoryEntry& entry : entries) payloads.emplace_back(entry.event.payload.bytes());
  return payloads;
}

TEST_CASE("history of an absent stream is empty", "[I][I.72]") {
  Stream stream;
  auto bus = stream.connect();
  need(bus->capabilities().history, "history");
  const HistoryPage page = bus->history();
  CHECK(page.entries.empty());
  CHECK_FALSE(page.next);
}

TEST_CASE("history reads by position, in pages and in order", "[I][I.72]") {
  Stream stream;
  auto bus = stream.connect();
  need(bus->capabilities().history, "history");
  std::vector<Event> events = make_events("OrderCreated", 25);
  events[3].headers = {{"tenant_id", "a\tb"}};
  events[3].aggregate_id = "order-7";
  const auto positions = publish_written(*bus, events);
  HistoryQuery query;
  query.limit = 10;
  std::vector<HistoryEntry> all;
  for (int pages = 0; pages < 10; ++pages) {
    const HistoryPage page = bus->history(query);
    CHECK(page.entries.size() <= 10);
    all.insert(all.end(), page.entries.begin(), page.entries.end());
    if (!page.next) break;
    query.from = *page.next;
  }
  REQUIRE(all.size() == 25);
  for (std::size_t i = 0; i < all.size(); ++i) {
    CHECK(all[i].position == positions[i]);
    CHECK(all[i].event.payload.bytes() == std::to_string(i));
    CHECK(all[i].undecodable.empty());
  }
  CHECK(all[3].event.headers.get("tenant_id") == "a\tb");
  CHECK(all[3].event.aggregate_id == "order-7");
  query = {};
  query.from = positions[5];
  query.to = positions[7];
  CHECK(payloads_of(bus->history(query).entries) == std::vector<std::string>{"5", "6", "7"});
}

TEST_CASE("history reads by time", "[I][I.72]") {
  Stream stream;
  auto bus = stream.connect();
  need(bus->capabilities().history, "history");
  publish_written(*bus, {make_event("OrderCreated", "first")});
  const Timestamp one = moment_between();
  publish_written(*bus, {make_event("OrderCreated", "second"), make_event("OrderCreated", "third")});
  const Timestamp two = moment_between();
  publish_written(*bus, {make_event("OrderCreated", "fourth")});
  HistoryQuery query;
  query.from_time = one;
  query.to_time = two;
  CHECK(payloads_of(bus->history(query).entries) == std::vector<std::string>{"second", "third"});
  query.from_time.reset();
  CHECK(payloads_of(bus->history(query).entries) == std::vector<std::string>{"first", "second", "third"});
  query = {};
  query.from_time = two;
  CHECK(payloads_of(bus->history(query).entries) == std::vector<std::string>{"fourth"});
}

TEST_CASE("history touches no group, while consumers run", "[I][I.72]") {
  Stream stream;
  Gate gate;
  Recorder recorder;
  auto reader = stream.connect();
  auto bus = stream.connect({{"max_in_flight", "1"}});
  need(bus->capabilities().history, "history");
  need(bus->capabilities().inspection, "inspection");
  auto subscription = bus->subscribe_to_all([&](const Event& event, const Delivery& delivery) {
    gate.wait();
    recorder.add(event, delivery);
  });
  bus->start_consuming();
  auto publishing = publish_aside(*reader, make_events("OrderCreated", 20));
  REQUIRE(gate.wait_for_arrivals(1));
  REQUIRE(publishing.get());
  const auto before = group_info(*bus, "workers");
  CHECK(reader->history().entries.size() == 20);
  const auto after = group_info(*bus, "workers");
  REQUIRE(before);
  REQUIRE(after);
  CHECK(after->pending == before->pending);
  CHECK(after->lag == before->lag);
  CHECK(after->last_delivered == before->last_delivered);
  CHECK(after->consumers.size() == before->consumers.size());
  CHECK(reader->stream_info().groups.size() == 1);
  gate.open();
  for (int i = 0; i < 20; ++i) static_cast<void>(reader->history());
  REQUIRE(recorder.wait_for(20));
  REQUIRE(settles(*bus));
  CHECK(recorder.count() == 20);
  CHECK(reader->history().entries.size() == 20);  // what is settled is still there
}

}  // namespace
}  // namespace eventbus::conformance
