// The dead letters: what is kept, listed, replayed, purged.
#include <catch2/catch_test_macros.hpp>

#include "driver.hpp"

namespace eventbus::driver_tests {
using namespace under_test;
namespace {

void bury_all(Driver& consumer, const Types& types) {
  consumer.publish_all(types);
  for (const Delivered& one : consumer.receive()) consumer.bury(one.token, "broken " + one.type);
}

DeadLetterQuery query(std::string type, std::string group, std::size_t limit = 100, Position after = {}) {
  return {after, limit, std::move(type), std::move(group)};
}

PurgeQuery older_than(Timestamp time) { return {{}, time, false}; }

}  // namespace

TEST_CASE("a dead letter is the event as published and everything about its end") {
  Fixture fixture;
  Driver consumer = fixture.consumer("g", "c");
  consumer.publish("a");
  Token token = consumer.receive().at(0).token;
  CHECK(consumer.bury(token, "no such customer") == SettleStatus::done);
  CHECK(consumer.group("g").pending == 0);
  auto letters = consumer.letters();
  REQUIRE(letters.size() == 1);
  CHECK(letters[0].position == Position{1, 0});
  CHECK(letters[0].event == Event{.id = "id of a", .type = "a"});
  CHECK(letters[0].original_position == token.position);
  CHECK(letters[0].group == "g");
  CHECK(letters[0].consumer == "c");
  CHECK(letters[0].handler == "a handler");
  CHECK(letters[0].attempts == 1);
  CHECK(letters[0].reason == "no such customer");
  CHECK(letters[0].first_failed == Timestamp(1s));
  CHECK(letters[0].last_failed == Timestamp(2s));
  CHECK(consumer.info().dead_letters == 1);
}

TEST_CASE("dead letters are listed by type, by group and in pages") {
  Fixture fixture;
  Driver one = fixture.consumer("g", "c");
  Driver two = fixture.consumer("h", "c");
  bury_all(one, {"a", "b", "a"});
  two.bury(two.receive(1).at(0).token);
  CHECK(one.letters(query("a", "")).size() == 3);
  CHECK(one.letters(query("", "h")).size() == 1);
  CHECK(one.letters(query("b", "h")).empty());
  LetterCollector sink;
  auto next = one.backend->dead_letter_store()->list(query("", "", 3), sink);
  REQUIRE(next);
  CHECK(sink.letters.size() == 3);
  CHECK_FALSE(one.backend->dead_letter_store()->list(query("", "", 3, *next), sink));
  CHECK(sink.letters.size() == 4);
}

TEST_CASE("a replayed letter is an event again, is gone from the letters, and is replayed once") {
  Fixture fixture;
  Driver consumer = fixture.consumer("g", "c");
  bury_all(consumer, {"a"});
  DeadLetterStore& store = *consumer.backend->dead_letter_store();
  CHECK(store.replay({1, 0}, "") == Position{2, 0});
  CHECK_FALSE(store.replay({1, 0}, ""));
  CHECK(consumer.letters().empty());
  auto got = consumer.receive();
  CHECK(types_of(got) == Types{"a"});
  CHECK(event_of(got[0]).id == "id of a");
  CHECK(got[0].only_group.empty());
}

TEST_CASE("a replay for one group says so to every group") {
  Fixture fixture;
  Driver one = fixture.consumer("g", "c");
  bury_all(one, {"a"});
  Driver two = fixture.make(fixture.settings("h", "c"), Role::consumer, StartFrom::latest());
  one.backend->dead_letter_store()->replay({1, 0}, "g");
  CHECK(one.receive().at(0).only_group == "g");
  CHECK(two.receive().at(0).only_group == "g");
}

TEST_CASE("letters are purged by position, by age, or all") {
  Fixture fixture;
  Driver consumer = fixture.consumer("g", "c");
  bury_all(consumer, {"a", "b", "c"});
  DeadLetterStore& store = *consumer.backend->dead_letter_store();
  CHECK(store.purge({.positions = {{3, 0}, {1, 0}, {8, 0}}}) == 2);
  CHECK(consumer.letters().at(0).event.type == "b");
  CHECK(store.purge({}) == 0);
  CHECK(store.purge(older_than(Timestamp(2s))) == 0);
  CHECK(store.purge(older_than(Timestamp(3s))) == 1);
  bury_all(consumer, {"d"});
  CHECK(store.purge({{}, {}, true}) == 1);
  CHECK(consumer.letters().empty());
}

TEST_CASE("letters can be put back, with new positions") {
  Fixture fixture;
  Driver consumer = fixture.consumer("g", "c");
  bury_all(consumer, {"a"});
  auto letters = consumer.letters();
  CHECK(consumer.backend->dead_letter_store()->add(letters) == 1);
  letters = consumer.letters();
  REQUIRE(letters.size() == 2);
  CHECK(letters[1].position == Position{2, 0});
  CHECK(letters[1].reason == "broken a");
}

TEST_CASE("dead letters beyond their maximal length push out the oldest, added ones too") {
  Fixture fixture;
  BackendSettings settings = fixture.settings("g", "c");
  settings.dead_letter_max_length = 2;
  Driver consumer = fixture.make(settings);
  bury_all(consumer, {"a", "b", "c"});
  auto letters = consumer.letters();
  REQUIRE(letters.size() == 2);
  CHECK(letters[0].event.type == "b");
  consumer.backend->dead_letter_store()->add({letters.data(), 1});
  CHECK(consumer.letters().at(0).event.type == "c");
}

TEST_CASE("buses of one stream with different dead-letter streams keep their letters apart") {
  Fixture fixture;
  Driver one = fixture.consumer("g", "c");
  BackendSettings settings = fixture.settings("h", "c");
  settings.dead_letter_stream = "orders:stream_failed";
  Driver two = fixture.make(settings);
  bury_all(one, {"a"});
  CHECK(two.letters().empty());
  CHECK(two.info().dead_letters == 0);
}

}  // namespace eventbus::driver_tests
