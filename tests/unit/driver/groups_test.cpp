// What groups are handed, and where they begin.
#include <catch2/catch_test_macros.hpp>

#include "driver.hpp"

namespace eventbus::driver_tests {
using namespace under_test;

TEST_CASE("two consumers of a group share its events") {
  Fixture fixture;
  Driver one = fixture.consumer("g", "one");
  Driver two = fixture.consumer("g", "two");
  one.publish_all({"a", "b", "c"});
  CHECK(types_of(one.receive(2)) == Types{"a", "b"});
  CHECK(types_of(two.receive(2)) == Types{"c"});
  CHECK(one.receive().empty());
}

TEST_CASE("every group is handed every event") {
  Fixture fixture;
  Driver one = fixture.consumer("g", "c");
  Driver two = fixture.consumer("h", "c");
  Types sent = one.publish_all({"a", "b"});
  CHECK(types_of(one.receive()) == sent);
  CHECK(types_of(two.receive()) == sent);
}

TEST_CASE("a group begins at the earliest event, the latest, after a position or at a time") {
  Fixture fixture;
  Driver publisher = fixture.publisher();
  publisher.publish("a");
  fixture.host.pass(10ms);
  publisher.publish("b");
  Timestamp time = fixture.host.utc_now();
  publisher.publish("c");
  auto begun = [&](const StartFrom& start) {
    static int count = 0;
    Driver consumer = fixture.make(fixture.settings("g" + std::to_string(++count), "c"), Role::consumer, start);
    publisher.publish("new");
    Types types = types_of(consumer.receive(3));
    return types;
  };
  CHECK(begun(StartFrom::earliest()) == Types{"a", "b", "c"});
  CHECK(begun(StartFrom::latest()) == Types{"new"});
  CHECK(begun(StartFrom::after({2, 0})) == Types{"c", "new", "new"});
  CHECK(begun(StartFrom::at(time)) == Types{"b", "c", "new"});
  CHECK(begun(StartFrom::at(time + 1s)) == Types{"new"});
  CHECK(begun(StartFrom::after({1000, 0})) == Types{"new"});
}

TEST_CASE("a group that exists goes on where it was, whatever the start asked for") {
  Fixture fixture;
  Driver keeper = fixture.publisher();
  {
    Driver consumer = fixture.consumer("g", "c");
    consumer.publish_all({"a", "b"});
    consumer.receive(1);
  }
  Driver again = fixture.make(fixture.settings("g", "c"), Role::consumer, StartFrom::latest());
  CHECK(types_of(again.receive()) == Types{"b"});
}

TEST_CASE("publishers and inspectors create nothing") {
  Fixture fixture;
  Driver publisher = fixture.publisher();
  Driver inspector = fixture.make(fixture.settings("g", "c"), Role::inspector);
  CHECK_FALSE(inspector.info().exists);
  publisher.publish("a");
  StreamInfo info = inspector.info();
  CHECK(info.exists);
  CHECK(info.groups.empty());
}

TEST_CASE("views are copied") {
  Fixture fixture;
  Driver consumer = fixture.consumer("g", "c");
  std::string payload = "payload", value = "v";
  HeaderView header{"h", value};
  EventView view{.id = "1",
                 .type = "t",
                 .aggregate_id = "a",
                 .aggregate_type = "A",
                 .aggregate_version = 7,
                 .occurred_at = Timestamp(5s),
                 .headers = {&header, 1},
                 .payload = payload};
  AppendResult result;
  consumer.backend->append_views({&view, 1}, {&result, 1});
  payload = "changed", value = "w";
  CHECK(result.status == AppendStatus::written);
  Event wanted{.id = "1",
               .type = "t",
               .aggregate_id = "a",
               .aggregate_type = "A",
               .aggregate_version = 7,
               .occurred_at = Timestamp(5s),
               .headers = {{"h", "v"}},
               .payload = "payload"};
  CHECK(event_of(consumer.receive().at(0)) == wanted);
}

TEST_CASE("the stream tells its groups, consumers, pending entries and lag") {
  Fixture fixture;
  Driver one = fixture.consumer("g", "one");
  Driver two = fixture.consumer("g", "two");
  Driver other = fixture.consumer("h", "c");
  one.publish_all({"a", "b", "c", "d"});
  one.receive(2);
  fixture.host.pass(30ms);
  two.ack(two.receive(1).at(0).token);
  StreamInfo info = one.info();
  CHECK(info.stream == "orders:stream");
  CHECK(info.dead_letter_stream == "orders:stream_dlq");
  CHECK(info.length == 4);
  CHECK(info.first == Position{1, 0});
  CHECK(info.last == Position{4, 0});
  CHECK(info.dead_letters == 0);
  REQUIRE(info.groups.size() == 2);
  const StreamInfo::Group& g = info.groups[0];
  CHECK(g.pending == 2);
  CHECK(g.lag == 1);
  CHECK(g.last_delivered == Position{3, 0});
  REQUIRE(g.consumers.size() == 2);
  CHECK(g.consumers[0].name == "one");
  CHECK(g.consumers[0].pending == 2);
  CHECK(g.consumers[0].idle == 30ms);
  CHECK(g.consumers[1].pending == 0);
  CHECK(g.consumers[1].idle == 0ms);
  CHECK(info.groups[1].lag == 4);
}

}  // namespace eventbus::driver_tests
