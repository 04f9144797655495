// C. Consuming and acknowledging: entries that are no events.
#include "faults.hpp"
#include "harness.hpp"

namespace eventbus::conformance {
namespace {

TEST_CASE("an entry that is no event goes to the dead letters with the reason, and the consumer goes on", "[C][C.32]") {
  need_faults();
  Stream stream;
  Recorder recorder;
  auto bus = stream.connect();
  need(bus->capabilities().dead_letters, "dead letters");
  auto subscription = bus->subscribe_to_all(recorder.handler());
  bus->start_consuming();
  bus->publish(make_event("OrderCreated", "before"));
  inflict("add-foreign-entry", {bus->stream_name()});
  inflict("add-truncated-entry", {bus->stream_name()});
  bus->publish(make_event("OrderCreated", "after"));
  REQUIRE(recorder.wait_for(2));
  CHECK(recorder.payloads() == std::vector<std::string>{"before", "after"});
  const auto dead = wait_for_dead_letters(*bus, 2);
  REQUIRE(dead.size() == 2);
  for (const DeadLetter& letter : dead) {
    CHECK_FALSE(letter.reason.empty());
    CHECK(letter.group == "workers");
  }
  CHECK(dead[0].original_position < dead[1].original_position);
  REQUIRE(settles(*bus));
  CHECK(bus->stats().undecodable == 2);
  CHECK(bus->stats().failed == 2);
  CHECK(bus->stats().dead_lettered == 2);
  CHECK(bus->stats().retried == 0);
  CHECK(bus->stats().success == 2);
}

TEST_CASE("an entry that is no event is dropped and counted where dead letters are disabled", "[C][C.32]") {
  need_faults();
  Stream stream;
  Recorder recorder;
  auto bus = stream.connect({{"enable_dlq", "false"}});
  auto subscription = bus->subscribe_to_all(recorder.handler());
  bus->start_consuming();
  bus->publish(make_event("OrderCreated", "before"));
  inflict("add-foreign-entry", {bus->stream_name()});
  bus->publish(make_event("OrderCreated", "after"));
  REQUIRE(recorder.wait_for(2));
  REQUIRE(settles(*bus));
  CHECK(bus->stats().undecodable == 1);
  CHECK(bus->stats().dropped == 1);
  if (bus->capabilities().dead_letters) CHECK(bus->dead_letters().entries.empty());
}

}  // namespace
}  // namespace eventbus::conformance
