// C. Consuming and acknowledging
#include <algorithm>
#include <ctime>
#include <set>

#include "harness.hpp"

namespace eventbus::conformance {
namespace {

std::vector<std::string> sorted(std::vector<std::string> payloads) {
  std::sort(payloads.begin(), payloads.end());
  return payloads;
}

TEST_CASE("an acknowledged event is not delivered again to the group, also after its consumers restarted",
          "[C][C.22]") {
  Stream stream;
  Recorder first, second, third;
  auto publisher = stream.connect();
  {
    auto bus = stream.connect({{"consumer_name", "one"}});
    auto subscription = bus->subscribe_to_all(first.handler());
    bus->start_consuming();
    publish_written(*publisher, make_events("OrderCreated", 20));
    REQUIRE(first.wait_for(20));
    bus->stop_consuming();
  }
  auto restarted = stream.connect({{"consumer_name", "one"}});
  auto subscription = restarted->subscribe_to_all(second.handler());
  restarted->start_consuming();
  publisher->publish(make_event("OrderCreated", "marker"));
  REQUIRE(second.wait_for_payload("marker"));
  CHECK(second.payloads() == std::vector<std::string>{"marker"});
  restarted->disconnect();

  auto another = stream.connect({{"consumer_name", "two"}});
  auto another_subscription = another->subscribe_to_all(third.handler());
  another->start_consuming();
  publisher->publish(make_event("OrderCreated", "second marker"));
  REQUIRE(third.wait_for_payload("second marker"));
  CHECK(third.payloads() == std::vector<std::string>{"second marker"});
  if (another->capabilities().inspection) {
    CHECK(eventually([&] {
      const auto group = group_info(*another, "workers");
      return group && group->pending == 0;
    }));
  }
}

TEST_CASE("two consumers of one group share the events, none twice, none lost", "[C][C.27]") {
  Stream stream;
  Gate both;
  Recorder first, second;
  auto publisher = stream.connect();
  auto consumer = [&](Recorder& recorder, const char* name) {
    auto bus = stream.connect({{"batch_size", "1"}, {"consumer_name", name}});
    need(bus->capabilities().competing_consumers, "competing consumers");
    bus->subscribe("OrderCreated",
                   [&](const Event& event, const Delivery& delivery) {
                     both.wait();
                     recorder.add(event, delivery);
                   })
        .detach();
    bus->start_consuming();
    return bus;
  };
  auto one = consumer(first, "one");
  auto two = consumer(second, "two");
  publish_written(*publisher, make_events("OrderCreated", 20));
  const bool both_hold_one = both.wait_for_arrivals(2);
  both.open();
  CHECK(both_hold_one);
  REQUIRE(eventually([&] { return first.count() + second.count() >= 20; }));
  one->stop_consuming();
  two->stop_consuming();
  CHECK(first.count() >= 1);
  CHECK(second.count() >= 1);
  auto payloads = first.payloads();
  const auto rest = second.payloads();
  payloads.insert(payloads.end(), rest.begin(), rest.end());
  CHECK(payloads.size() == 20);
  CHECK(std::set<std::string>(payloads.begin(), payloads.end()).size() == 20);
}

TEST_CASE("two groups each get every event", "[C][C.28]") {
  Stream stream;
  Recorder first, second;
  auto one = stream.connect({{"consumer_group", "one"}});
  auto two = stream.connect({{"consumer_group", "two"}});
  auto first_subscription = one->subscribe_to_all(first.handler());
  auto second_subscription = two->subscribe_to_all(second.handler());
  one->start_consuming();
  two->start_consuming();
  publish_written(*one, make_events("OrderCreated", 10));
  publish_written(*two, make_events("OrderPaid", 10));
  REQUIRE(first.wait_for(20));
  REQUIRE(second.wait_for(20));
  one->stop_consuming();
  two->stop_consuming();
  CHECK(first.count() == 20);
  CHECK(first.payloads() == second.payloads());
}

TEST_CASE("a group created later begins with the oldest event at earliest, and with the next one at latest",
          "[C][C.29]") {
  Stream stream;
  Recorder settled, earliest, latest;
  auto bus = stream.connect();
  auto subscription = bus->subscribe_to_all(settled.handler());
  bus->start_consuming();
  publish_written(*bus, make_events("OrderCreated", 5));
  REQUIRE(settled.wait_for(5));

  auto from_first = stream.connect({{"consumer_group", "from-first"}, {"start_from", "earliest"}});
  auto from_now = stream.connect({{"consumer_group", "from-now"}, {"start_from", "latest"}});
  auto first_subscription = from_first->subscribe_to_all(earliest.handler());
  auto now_subscription = from_now->subscribe_to_all(latest.handler());
  from_first->start_consuming();
  from_now->start_consuming();
  bus->publish(make_event("OrderCreated", "marker"));
  REQUIRE(earliest.wait_for_payload("marker"));
  REQUIRE(latest.wait_for_payload("marker"));
  CHECK(earliest.payloads() == std::vector<std::string>{"0", "1", "2", "3", "4", "marker"});
  CHECK(latest.payloads() == std::vector<std::string>{"marker"});
}

TEST_CASE("a group that exists goes on where it was, whatever start_from says", "[C][C.29]") {
  Stream stream;
  Recorder before, after;
  auto publisher = stream.connect();
  {
    auto bus = stream.connect();
    auto subscription = bus->subscribe_to_all(before.handler());
    bus->start_consuming();
    publisher->publish(make_event("OrderCreated", "first"));
    REQUIRE(before.wait_for(1));
  }
  publisher->publish(make_event("OrderCreated", "while nobody was there"));
  auto bus = stream.connect({{"start_from", "latest"}});
  auto subscription = bus->subscribe_to_all(after.handler());
  bus->start_consuming();
  REQUIRE(after.wait_for(1));
  CHECK(after.payloads() == std::vector<std::string>{"while nobody was there"});
}

TEST_CASE("a delivery tells attempt, position, consumer and group", "[C][C.30]") {
  Stream stream;
  Recorder recorder;
  auto bus = stream.connect({{"consumer_group", "billing"}, {"consumer_name", "worker-1"}});
  auto subscription = bus->subscribe_to_all(recorder.handler());
  bus->start_consuming();
  const Position position = bus->publish(make_event("OrderCreated"));
  REQUIRE(recorder.wait_for(1));
  const Received received = recorder.all().front();
  CHECK(received.position == position);
  CHECK(received.attempt == 1);
  CHECK_FALSE(received.redelivered);
  CHECK(received.group == "billing");
  CHECK(received.consumer == "worker-1");
  CHECK(bus->group() == "billing");
  CHECK(bus->consumer() == "worker-1");
  CHECK(bus->stream_name() == stream.prefix() + ":stream");
}

TEST_CASE("a consumer name that was not configured is drawn, and is another for each bus", "[C][C.30]") {
  Stream stream;
  auto one = stream.open();
  auto two = stream.open();
  CHECK_FALSE(one->consumer().empty());
  CHECK(one->consumer() != two->consumer());
}

TEST_CASE("an event of a type without handler is acknowledged and counted where on_unhandled says ack", "[C][C.31]") {
  Stream stream;
  Recorder recorder;
  auto bus = stream.connect({{"on_unhandled", "ack"}});
  auto subscription = bus->subscribe("OrderCreated", recorder.handler());
  bus->start_consuming();
  publish_written(*bus, make_events("Unknown", 3));
  bus->publish(make_event("OrderCreated", "marker"));
  REQUIRE(recorder.wait_for_payload("marker"));
  REQUIRE(eventually([&] { return adds_up(bus->stats()); }));
  CHECK(bus->stats().unhandled == 3);
  CHECK(bus->stats().success == 1);
  CHECK(bus->stats().consumed == 4);
  if (bus->capabilities().inspection) {
    CHECK(eventually([&] {
      const auto group = group_info(*bus, "workers");
      return group && group->pending == 0;
    }));
  }
}

TEST_CASE("an event of a type without handler is left to a consumer that has one where on_unhandled says release",
          "[C][C.31]") {
  Stream stream;
  Recorder old_types, new_types;
  auto publisher = stream.connect();
  auto old = stream.connect({{"on_unhandled", "release"}});
  need(old->capabilities().competing_consumers, "competing consumers");
  auto old_subscription = old->subscribe("OrderCreated", old_types.handler());
  old->start_consuming();
  publish_written(*publisher, make_events("OrderSplit", 3));
  REQUIRE(eventually([&] { return old->stats().unhandled >= 3; }));
  auto deployed = stream.connect({{"on_unhandled", "release"}});
  auto new_subscription = deployed->subscribe("OrderSplit", new_types.handler());
  deployed->start_consuming();
  REQUIRE(new_types.wait_for(3));
  CHECK(sorted(new_types.payloads()) == std::vector<std::string>{"0", "1", "2"});
  for (const Received& received : new_types.all()) CHECK(received.attempt == 1);
  CHECK(old_types.count() == 0);
}

TEST_CASE("an event of a type without handler becomes a dead letter where on_unhandled says dead_letter", "[C][C.31]") {
  Stream stream;
  Recorder recorder;
  auto bus = stream.connect({{"on_unhandled", "dead_letter"}});
  need(bus->capabilities().dead_letters, "dead letters");
  auto subscription = bus->subscribe("OrderCreated", recorder.handler());
  bus->start_consuming();
  publish_written(*bus, make_events("Unknown", 2));
  bus->publish(make_event("OrderCreated", "marker"));
  REQUIRE(recorder.wait_for_payload("marker"));
  REQUIRE(eventually([&] { return bus->dead_letters().entries.size() == 2; }));
  REQUIRE(eventually([&] { return adds_up(bus->stats()); }));
  CHECK(bus->stats().unhandled == 2);
  CHECK(bus->dead_letters().entries.front().event.type == "Unknown");
}

TEST_CASE("with no events a consumer uses under 2 % of a core", "[C][C.34]") {
  Stream stream;
  Recorder recorder;
  auto bus = stream.connect({{"block_ms", "5000"}});
  auto subscription = bus->subscribe_to_all(recorder.handler());
  bus->start_consuming();
  bus->publish(make_event("OrderCreated"));
  REQUIRE(recorder.wait_for(1));
  REQUIRE(eventually([&] { return adds_up(bus->stats()); }));
  const std::clock_t before = std::clock();  // of the whole process
  // The time is what is measured here: nothing happens in it.
  CHECK_FALSE(recorder.wait_for(2, std::chrono::milliseconds(2000)));
  const double used = static_cast<double>(std::clock() - before) / CLOCKS_PER_SEC;
  CHECK(used < 0.02 * 2.0);
}

TEST_CASE("a new event is handled at once, with no added linger", "[C][C.34]") {
  using Clock = std::chrono::steady_clock;
  Stream stream;
  Recorder recorder;
  auto publisher = stream.connect();
  auto bus = stream.connect({{"block_ms", "5000"}});
  auto subscription = bus->subscribe_to_all(recorder.handler());
  bus->start_consuming();
  std::vector<Clock::duration> latencies;
  for (std::size_t i = 1; i <= 21; ++i) {
    const auto before = Clock::now();
    publisher->publish(make_event("OrderCreated"));
    REQUIRE(recorder.wait_for(i));
    latencies.push_back(Clock::now() - before);
  }
  std::nth_element(latencies.begin(), latencies.begin() + 10, latencies.end());
  CHECK(latencies[10] < std::chrono::milliseconds(500));  // a tenth of block_ms: nothing waits for that to pass
}

}  // namespace
}  // namespace eventbus::conformance
