// max_events, history and trimming.
#include <catch2/catch_test_macros.hpp>

#include "driver.hpp"

namespace eventbus::memory::test {

TEST_CASE("a full stream without a group refuses the next event, and says what to do") {
  Fixture fixture;
  Driver publisher = fixture.publisher(R"("max_events": 2)");
  publisher.publish_all({"a", "b"});
  Event event{.type = "c", .payload = "kept"};
  AppendResult result;
  publisher.backend->append({&event, 1}, {&result, 1});
  CHECK(result.status == AppendStatus::rejected);
  REQUIRE(result.error);
  CHECK(result.error->code() == ErrorCode::backpressure);
  CHECK(result.error->retryable());
  CHECK(std::string(result.error->what()) ==
        "memory: cannot publish to 'orders:stream': 2 events are stored and none is settled by every group; consume, "
        "or raise backends.memory.max_events");
  CHECK(event == Event{.type = "c", .payload = "kept"});
}

TEST_CASE("a full stream makes room with the oldest event that every group settled") {
  Fixture fixture;
  Driver one = fixture.consumer("g", "c", R"("max_events": 3)");
  Driver two = fixture.consumer("h", "c");
  one.publish_all({"a", "b", "c"});
  auto held = one.receive();
  auto other = two.receive();
  one.ack(held[0].token);
  CHECK(one.publish("d").status == AppendStatus::rejected);
  two.ack(other[1].token);
  two.ack(other[2].token);
  CHECK(one.publish("d").status == AppendStatus::rejected);
  one.ack(held[2].token);
  one.ack(held[1].token);
  CHECK(one.publish("d").status == AppendStatus::written);
  CHECK(one.history() == Types{"a", "c", "d"});
  CHECK(one.publish("e").status == AppendStatus::written);
  CHECK(one.history() == Types{"a", "d", "e"});
  CHECK(one.publish("f").status == AppendStatus::rejected);
  two.ack(other[0].token);
  CHECK(one.publish("f").status == AppendStatus::written);
  CHECK(types_of(one.receive()) == Types{"d", "e", "f"});
}

TEST_CASE("a list is written up to the bound, one result an event, and the rest is as it was") {
  Fixture fixture;
  Driver publisher = fixture.publisher(R"("max_events": 20)");
  std::vector<Event> events(40);
  for (std::size_t i = 0; i < events.size(); ++i) events[i].type = "type " + std::to_string(i);
  std::vector<AppendResult> results(40);
  publisher.backend->append(events, results);
  for (std::size_t i = 0; i < 20; ++i) {
    CHECK(results[i].status == AppendStatus::written);
    CHECK(results[i].position == Position{i + 1, 0});
  }
  for (std::size_t i = 20; i < 40; ++i) {
    CHECK(results[i].status == AppendStatus::rejected);
    CHECK(events[i].type == "type " + std::to_string(i));
  }
}

TEST_CASE("a group that is made later needs what it was not handed yet") {
  Fixture fixture;
  Driver one = fixture.consumer("g", "c", R"("max_events": 1)");
  one.publish("a");
  one.ack(one.receive().at(0).token);
  Driver two = fixture.consumer("h", "c");
  CHECK(one.publish("b").status == AppendStatus::rejected);
  two.ack(two.receive().at(0).token);
  CHECK(one.publish("b").status == AppendStatus::written);
}

TEST_CASE("without history an event goes when the last group has settled it") {
  Fixture fixture;
  Driver one = fixture.consumer("g", "c", R"("history": false)");
  Driver two = fixture.consumer("h", "c", R"("history": false)");
  one.publish_all({"a", "b"});
  auto held = one.receive();
  auto other = two.receive();
  one.ack(held[0].token);
  CHECK(one.info().length == 2);
  two.ack(other[0].token);
  CHECK(one.history() == Types{"b"});
  one.bury(held[1].token);
  two.ack(other[1].token);
  CHECK(one.info().length == 0);
  CHECK_FALSE(one.info().last);
  CHECK(one.letters().size() == 1);
}

TEST_CASE("trimming keeps what a group still needs") {
  Fixture fixture;
  Driver one = fixture.consumer("g", "c");
  one.publish_all({"a", "b", "c", "d", "e"});
  auto held = one.receive(3);
  one.ack(held[0].token);
  one.ack(held[2].token);
  TrimReport report = one.backend->retention()->trim({.max_length = 1});
  CHECK(report.trimmed == 2);
  CHECK(report.lost == 0);
  CHECK(one.history() == Types{"b", "d", "e"});
  CHECK(one.ack(held[1].token, true) == SettleStatus::done);
  CHECK(types_of(one.receive()) == Types{"d", "e"});
}

TEST_CASE("trimming by age spares what is young, also when the clock stepped back") {
  Fixture fixture;
  Driver publisher = fixture.publisher();
  publisher.publish("a");
  fixture.host.pass(10s);
  publisher.publish("b");
  fixture.host.step_utc_back(5s);
  publisher.publish("c");
  fixture.host.pass(10s);
  CHECK(publisher.backend->retention()->trim({.max_age = 6s}).trimmed == 1);
  CHECK(publisher.history() == Types{"b", "c"});
  fixture.host.pass(2s);
  CHECK(publisher.backend->retention()->trim({.max_age = 6s}).trimmed == 2);
}

TEST_CASE("a hard limit loses only what it must, counts it, and readers go on behind it") {
  Fixture fixture;
  Driver one = fixture.consumer("g", "c");
  one.publish_all({"a", "b", "c", "d", "e"});
  auto held = one.receive(2);
  one.ack(held[1].token);
  TrimReport report = one.backend->retention()->trim({.hard_max_length = 2});
  CHECK(report.trimmed == 3);
  CHECK(report.lost == 2);
  CHECK(one.group("g").lag == 2);
  CHECK(types_of(one.receive()) == Types{"d", "e"});
}

TEST_CASE("a replay into a full stream fails and keeps the letter") {
  Fixture fixture;
  Driver consumer = fixture.consumer("g", "c", R"("max_events": 1)");
  consumer.publish("a");
  consumer.bury(consumer.receive().at(0).token);
  consumer.publish("b");
  CHECK_THROWS_AS(consumer.backend->dead_letter_store()->replay({1, 0}, ""), Error);
  CHECK(consumer.letters().size() == 1);
}

}  // namespace eventbus::memory::test
