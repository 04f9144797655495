#include <catch2/catch_test_macros.hpp>

#include "engine/lanes.hpp"

using eventbus::Event;
using eventbus::host::Held;
using eventbus::host::HeldPtr;
using eventbus::host::Lanes;

namespace {
HeldPtr delivery(std::uint64_t position, const std::string& aggregate) {
  auto event = std::make_shared<Event>();
  event->aggregate_id = aggregate;
  auto held = std::make_shared<Held>();
  held->token.position = {position, 0};
  held->event = std::move(event);
  return held;
}
std::uint64_t taken(Lanes& lanes) {
  HeldPtr held = lanes.take();
  return held ? held->token.position.high : 0;
}
}  // namespace

TEST_CASE("events without an aggregate run in the order they came", "[lanes]") {
  Lanes lanes;
  for (std::uint64_t i = 1; i <= 3; ++i) lanes.push(delivery(i, ""));
  CHECK(taken(lanes) == 1);
  CHECK(taken(lanes) == 2);
  CHECK(taken(lanes) == 3);
  CHECK(taken(lanes) == 0);
}

TEST_CASE("a second event of an aggregate waits until the first leaves its lane, and others pass it", "[lanes]") {
  Lanes lanes;
  lanes.push(delivery(1, "a"));
  lanes.push(delivery(2, "a"));
  lanes.push(delivery(3, "b"));
  CHECK(taken(lanes) == 1);
  CHECK(taken(lanes) == 3);
  CHECK(taken(lanes) == 0);
  CHECK(lanes.blocked() == 1);
  lanes.release("a");
  CHECK(taken(lanes) == 2);
  lanes.release("a");
  lanes.push(delivery(4, "a"));
  CHECK(taken(lanes) == 4);
}

TEST_CASE("what waits behind an aggregate keeps its order", "[lanes]") {
  Lanes lanes;
  for (std::uint64_t i = 1; i <= 4; ++i) lanes.push(delivery(i, "a"));
  CHECK(taken(lanes) == 1);
  CHECK(taken(lanes) == 0);
  for (std::uint64_t next = 2; next <= 4; ++next) {
    lanes.release("a");
    CHECK(taken(lanes) == next);
  }
}

TEST_CASE("taking all leaves nothing behind, blocked ones included", "[lanes]") {
  Lanes lanes;
  lanes.push(delivery(1, "a"));
  lanes.push(delivery(2, "a"));
  lanes.push(delivery(3, ""));
  CHECK(taken(lanes) == 1);
  CHECK(taken(lanes) == 3);
  CHECK(lanes.take_all().size() == 1);
  CHECK(lanes.blocked() == 0);
}

TEST_CASE("dead_letter beats a failed attempt, which beats release, which beats ack", "[verdict]") {
  using eventbus::Outcome;
  eventbus::host::Verdict verdict;
  verdict.add(Outcome::ack(), 1, "a", "");
  CHECK(verdict.kind == Outcome::Kind::ack);
  verdict.add(Outcome::release(), 2, "b", "");
  CHECK(verdict.kind == Outcome::Kind::release);
  verdict.add(Outcome::retry(std::chrono::milliseconds{5}), 3, "c", "first");
  verdict.add(Outcome::retry(std::chrono::milliseconds{9}), 4, "d", "second");
  CHECK(verdict.kind == Outcome::Kind::retry);
  CHECK(verdict.after == std::chrono::milliseconds{9});
  CHECK(verdict.reason == "first");
  CHECK(verdict.to_run_again == std::vector<std::uint64_t>{3, 4});
  verdict.add(Outcome::dead_letter("bad"), 5, "e", "bad");
  verdict.add(Outcome::ack(), 6, "f", "");
  CHECK(verdict.kind == Outcome::Kind::dead_letter);
  CHECK(verdict.handler == "e");
}
