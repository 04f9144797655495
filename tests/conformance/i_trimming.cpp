// I. Looking inside: trimming.
#include "harness.hpp"

namespace eventbus::conformance {
namespace {

// A backend that can't trim refuses a configuration that asks for it.
void need_trimming(const Stream& stream) {
  auto bus = stream.open();
  need(bus->capabilities().retention, "retention");
  need(bus->capabilities().inspection, "inspection");
}

bool trims_down_to(const EventBus& bus, std::uint64_t length) {
  return eventually([&] { return bus.stream_info().length <= length; });
}

TEST_CASE("trimming by length takes what every group has settled", "[I][I.73]") {
  Stream stream;
  need_trimming(stream);
  Recorder recorder;
  auto bus = stream.connect({{"trim.max_length", "10"}});
  auto subscription = bus->subscribe_to_all(recorder.handler());
  bus->start_consuming();
  publish_written(*bus, make_events("OrderCreated", 1000));
  REQUIRE(recorder.wait_for(1000));
  REQUIRE(settles(*bus));
  // Backends may trim in blocks: less than all that could go is enough, more than the limit asks for is not.
  REQUIRE(trims_down_to(*bus, 300));
  CHECK(bus->stream_info().length >= 10);
  REQUIRE(eventually([&] { return bus->stats().trimmed >= 700; }));
  CHECK(bus->stats().trim_lost == 0);
  CHECK(bus->stats().lost == 0);
}

TEST_CASE("trimming by length keeps what a group still needs", "[I][I.73]") {
  Stream stream;
  need_trimming(stream);
  Gate gate;
  Recorder quick, slow;
  auto bus = stream.connect({{"trim.max_length", "10"}});
  auto other = stream.connect({{"consumer_group", "slow"}, {"max_in_flight", "10"}});
  auto first = bus->subscribe_to_all(quick.handler());
  auto second = other->subscribe_to_all([&](const Event& event, const Delivery& delivery) {
    if (event.payload.bytes() == "500") gate.wait();
    slow.add(event, delivery);
  });
  bus->start_consuming();
  other->start_consuming();
  publish_written(*bus, make_events("OrderCreated", 1000));
  REQUIRE(quick.wait_for(1000));
  REQUIRE(gate.wait_for_arrivals(1));
  REQUIRE(eventually([&] { return bus->stats().trimmed > 0; }));
  CHECK(bus->stream_info().length >= 490);  // from the first that is pending
  gate.open();
  REQUIRE(slow.wait_for(1000));
  REQUIRE(settles(*other));
  CHECK(other->stats().lost == 0);
  CHECK(slow.count() == 1000);
  CHECK(bus->stats().trim_lost == 0);
}

TEST_CASE("a hard cap trims whatever it takes, and counts what a group loses by it", "[I][I.73]") {
  Stream stream;
  need_trimming(stream);
  Recorder recorder;
  auto bus = stream.connect({{"trim.hard_max_length", "100"}});
  auto later = stream.connect({{"consumer_group", "slow"}});
  later->start_consuming();  // makes the group, and reads nothing: nothing is subscribed
  publish_written(*bus, make_events("OrderCreated", 1000));
  REQUIRE(trims_down_to(*bus, 300));
  REQUIRE(eventually([&] { return bus->stats().trim_lost > 0; }));
  CHECK(bus->stats().trim_lost <= bus->stats().trimmed);
  CHECK(bus->stats().trim_lost == 1000 - bus->stream_info().length);
  auto subscription = later->subscribe_to_all(recorder.handler());
  bus->publish(make_event("OrderCreated", "marker"));
  REQUIRE(recorder.wait_for_payload("marker"));
  CHECK(recorder.payloads().front() == std::to_string(bus->stats().trim_lost));
}

TEST_CASE("trimming by age takes what is old and settled", "[I][I.73]") {
  Stream stream;
  need_trimming(stream);
  Recorder recorder;
  auto bus = stream.connect({{"trim.max_age_ms", "1500"}});
  auto subscription = bus->subscribe_to_all(recorder.handler());
  bus->start_consuming();
  publish_written(*bus, make_events("OrderCreated", 500));
  REQUIRE(recorder.wait_for(500));
  REQUIRE(settles(*bus));
  REQUIRE(trims_down_to(*bus, 200));
  CHECK(bus->stats().trim_lost == 0);
}

}  // namespace
}  // namespace eventbus::conformance
