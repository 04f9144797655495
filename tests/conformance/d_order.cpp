// D. Order and concurrency
#include <algorithm>
#include <atomic>
#include <map>

#include "harness.hpp"

namespace eventbus::conformance {
namespace {

TEST_CASE("with concurrency 1 events are handled in the order of the stream", "[D][D.35]") {
  Stream stream;
  Recorder recorder;
  auto publisher = stream.connect();
  auto bus = stream.connect({{"concurrency", "1"}});
  need(bus->capabilities().ordered, "order");
  auto subscription = bus->subscribe_to_all(recorder.handler());
  std::vector<Event> events;
  for (int i = 0; i < 500; ++i) {
    events.push_back(make_event("OrderCreated", std::to_string(i), i % 3 ? "order-" + std::to_string(i % 7) : ""));
  }
  std::vector<Event> first(events.begin(), events.begin() + 250), second(events.begin() + 250, events.end());
  publish_written(*publisher, first);
  bus->start_consuming();
  publish_written(*publisher, second);
  REQUIRE(recorder.wait_for(500));
  const auto received = recorder.all();
  REQUIRE(received.size() == 500);
  for (std::size_t i = 0; i < received.size(); ++i) REQUIRE(received[i].event.payload.bytes() == std::to_string(i));
  CHECK(std::is_sorted(received.begin(), received.end(),
                       [](const Received& a, const Received& b) { return a.position < b.position; }));
}

TEST_CASE("with concurrency N at most N handlers run at once, and N are reached", "[D][D.36]") {
  Stream stream;
  Gate gate;
  Recorder recorder;
  std::atomic<int> running{0}, most{0};
  auto bus = stream.connect({{"concurrency", "4"}});
  need_background_dispatch(*bus, "inline, one handler runs at a time");
  auto subscription = bus->subscribe_to_all([&](const Event& event, const Delivery& delivery) {
    const int now = ++running;
    int seen = most;
    while (now > seen && !most.compare_exchange_weak(seen, now)) {
    }
    gate.wait();
    --running;
    recorder.add(event, delivery);
  });
  bus->start_consuming();
  publish_written(*bus, make_events("OrderCreated", 40));
  CHECK(gate.wait_for_arrivals(4));
  CHECK(running == 4);
  gate.open();
  REQUIRE(recorder.wait_for(40));
  CHECK(most == 4);
}

TEST_CASE("events of one aggregate run in stream order, one at a time, while others run beside them", "[D][D.37]") {
  Stream stream;
  Recorder recorder;
  std::map<std::string, std::atomic<int>> running;
  for (const char* aggregate : {"a", "b", "c"}) running[aggregate] = 0;
  std::atomic<int> overlaps{0};
  auto bus = stream.connect({{"concurrency", "4"}});
  auto subscription = bus->subscribe_to_all([&](const Event& event, const Delivery& delivery) {
    std::atomic<int>& inside = running.at(event.aggregate_id);
    if (++inside > 1) ++overlaps;
    std::this_thread::yield();
    recorder.add(event, delivery);
    --inside;
  });
  bus->start_consuming();
  std::vector<Event> events;
  for (int i = 0; i < 300; ++i) {
    events.push_back(make_event("OrderChanged", std::to_string(i), std::string(1, static_cast<char>('a' + i % 3))));
  }
  publish_written(*bus, events);
  REQUIRE(recorder.wait_for(300));
  CHECK(overlaps == 0);
  std::map<std::string, int> last;
  for (const Received& received : recorder.all()) {
    const int number = std::stoi(std::string(received.event.payload.bytes()));
    auto [at, first] = last.emplace(received.event.aggregate_id, number);
    if (!first) {
      REQUIRE(number > at->second);
      at->second = number;
    }
  }
}

TEST_CASE("payloads held never exceed max_in_flight, and a slow handler stops the reading", "[D][D.38]") {
  Stream stream;
  Gate gate;
  Recorder recorder, witness;
  std::atomic<std::uint64_t> most{0};
  auto publisher = stream.connect();
  auto other = stream.connect({{"consumer_group", "witnesses"}});
  auto watching = other->subscribe_to_all(witness.handler());
  auto bus = stream.connect({{"max_in_flight", "10"}});
  auto note = [&] {
    const std::uint64_t now = bus->stats().in_flight;
    if (now > most) most = now;
  };
  auto subscription = bus->subscribe_to_all([&](const Event& event, const Delivery& delivery) {
    if (event.payload.bytes() == "150") gate.wait();  // by then the prefetch has grown
    note();
    recorder.add(event, delivery);
  });
  bus->start_consuming();
  publish_written(*publisher, make_events("OrderCreated", 400));
  REQUIRE(gate.wait_for_arrivals(1));
  other->start_consuming();
  REQUIRE(witness.wait_for(400));  // time enough to read on, for one who would
  note();
  CHECK(most <= 10);
  CHECK(bus->stats().consumed <= 161);
  if (bus->capabilities().inspection) CHECK(group_info(*bus, "workers")->pending <= 161);
  gate.open();
  REQUIRE(recorder.wait_for(400));
  CHECK(most <= 10);
  CHECK(most >= 1);
}

TEST_CASE("a worker that joins a slow one on a backlog takes about half of it", "[D][D.39]") {
  Stream stream;
  Recorder first, second;
  auto publisher = stream.connect();
  auto worker = [&](Recorder& recorder) {
    auto bus = stream.connect();
    need(bus->capabilities().competing_consumers, "competing consumers");
    bus->subscribe("OrderCreated",
                   [&recorder](const Event& event, const Delivery& delivery) {
                     std::this_thread::sleep_for(std::chrono::milliseconds(20));  // the work
                     recorder.add(event, delivery);
                   })
        .detach();
    bus->start_consuming();
    return bus;
  };
  publish_written(*publisher, make_events("OrderCreated", 300));
  auto slow = worker(first);
  REQUIRE(first.wait_for(20));
  auto joining = worker(second);
  REQUIRE(eventually([&] { return first.count() + second.count() >= 300; }, 2 * deadline));
  CHECK(first.count() + second.count() == 300);
  CHECK(second.count() >= 90);
  CHECK(second.count() <= 190);
}

TEST_CASE("of two events two consumers take one each, however new they are", "[D][D.39]") {
  for (int round = 0; round < 10; ++round) {
    Stream stream;
    Gate both;
    auto publisher = stream.connect();
    const auto consumer = [&](const char* name) {
      auto bus = stream.connect({{"consumer_name", name}, {"batch_size", "1"}});
      need(bus->capabilities().competing_consumers, "competing consumers");
      need_background_dispatch(*bus, "the handlers of two consumers wait for one another");
      bus->subscribe("OrderCreated", [&](const Event&) { both.wait(); }).detach();
      bus->start_consuming();
      return bus;
    };
    auto one = consumer("one");
    auto two = consumer("two");
    publish_written(*publisher, make_events("OrderCreated", 2));
    const bool each_has_one = both.wait_for_arrivals(2);
    both.open();
    REQUIRE(each_has_one);
  }
}

}  // namespace
}  // namespace eventbus::conformance
