#include <catch2/catch_test_macros.hpp>

#include "backend_fixture.hpp"

using namespace eventbus;
using namespace eventbus::redis_streams::testing;

namespace {

TrimReport trim(Backend& backend, std::uint64_t max_length, milliseconds max_age = {}, std::uint64_t hard = 0) {
  return backend.retention()->trim({max_length, max_age, hard});
}

void acknowledge(Backend& backend, const std::vector<Received>& list) {
  for (const Received& one : list) {
    REQUIRE(settle_one(backend, settlement(one.token, SettleAction::ack)).status == SettleStatus::done);
  }
}

std::int64_t length(World& world) { return world.redis("XLEN", world.stream()).integer(); }

// Entries of the years 1970, 2001 and now.
void add_old(World& world, const std::string& id) {
  world.redis("XADD", world.stream(), id, "type", "T", "meta", "1\ti\t\t\t0\t0", "data", "{}");
}

}  // namespace

TEST_CASE("trimming an absent stream does nothing and makes nothing") {
  World world;
  auto backend = world.publisher();
  TrimReport report = trim(*backend, 1, milliseconds(1), 1);
  CHECK(report.trimmed == 0);
  CHECK(world.redis("EXISTS", world.stream()).integer() == 0);
}

TEST_CASE("trimming by length keeps what a group has not read, and what is pending in one") {
  World world;
  auto slow = world.consumer("c1", "slow"), fast = world.consumer("c1", "fast");
  publish(*fast, events(30));
  acknowledge(*fast, take(*fast, 30));
  CHECK(trim(*fast, 5).trimmed == 0);  // slow has read nothing

  auto got = take(*slow, 20);
  CHECK(trim(*fast, 5).trimmed == 0);  // all pending
  acknowledge(*slow, {got.begin() + 1, got.end()});
  CHECK(trim(*fast, 5).trimmed == 0);  // the oldest is pending still
  acknowledge(*slow, {got[0]});
  TrimReport report = trim(*fast, 5);
  CHECK(report.trimmed == 20);
  CHECK(report.lost == 0);
  auto rest = take(*slow, 100);
  REQUIRE(rest.size() == 10);
  CHECK(rest[0].event.id == "id20");
  acknowledge(*slow, rest);
  CHECK(trim(*fast, 5).trimmed == 5);
  CHECK(length(world) == 5);
}

TEST_CASE("trimming by length is exact, however many there are, and with no group too") {
  World world;
  auto backend = world.publisher();
  publish(*backend, events(5321));
  CHECK(trim(*backend, 321).trimmed == 5000);
  CHECK(length(world) == 321);
  CHECK(trim(*backend, 321).trimmed == 0);
}

TEST_CASE("trimming by age goes by the server's clock and keeps what a group needs") {
  World world;
  for (const char* id : {"1-1", "1-2", "1000000000000-0"}) add_old(world, id);
  auto backend = world.consumer();
  publish(*backend, events(2));
  CHECK(trim(*backend, 0, milliseconds(3600000)).trimmed == 0);
  auto got = take(*backend, 10);
  acknowledge(*backend, {got[0]});
  CHECK(trim(*backend, 0, milliseconds(3600000)).trimmed == 1);
  acknowledge(*backend, {got.begin() + 1, got.end()});
  CHECK(trim(*backend, 0, milliseconds(3600000)).trimmed == 2);
  CHECK(length(world) == 2);
}

TEST_CASE("a hard limit takes what nobody needs first, and counts what it loses of the rest") {
  World world;
  auto backend = world.consumer();
  publish(*backend, events(30));
  auto got = take(*backend, 20);
  acknowledge(*backend, {got.begin(), got.begin() + 5});
  acknowledge(*backend, {got.begin() + 10, got.begin() + 15});
  // Five are done, five pending, five done between pending ones, five pending, ten unread.
  TrimReport report = trim(*backend, 0, {}, 26);
  CHECK(report.trimmed == 4);
  CHECK(report.lost == 0);
  report = trim(*backend, 0, {}, 18);
  CHECK(report.trimmed == 8);
  CHECK(report.lost == 5);
  report = trim(*backend, 0, {}, 4);
  CHECK(report.trimmed == 14);
  CHECK(report.lost == 5 + 6);
  CHECK(length(world) == 4);
  auto rest = take(*backend, 100);
  REQUIRE(rest.size() == 4);
  CHECK(rest[0].event.id == "id26");
}

TEST_CASE("a hard limit is reached in one call, also over thousands that are needed") {
  World world;
  auto backend = world.consumer();
  publish(*backend, events(3500));
  TrimReport report = trim(*backend, 3400, {}, 100);
  CHECK(report.trimmed == 3400);
  CHECK(report.lost == 3400);
  CHECK(length(world) == 100);
}

TEST_CASE("a stream whose last id lies in the future is told once, since its age can't be trusted") {
  World world;
  auto backend = world.publisher();
  add_old(world, "99999999999999-0");
  publish(*backend, events(1));
  for (int i = 0; i < 2; ++i) CHECK(trim(*backend, 0, milliseconds(1)).trimmed == 0);
  REQUIRE(world.host.lines.size() == 1);
  CHECK(world.host.lines[0].find("in the future") != std::string::npos);
  CHECK(trim(*backend, 1).trimmed == 1);  // by length it works all the same
}

TEST_CASE("trimming a key that is no stream is told") {
  World world;
  auto backend = world.publisher();
  world.redis("SET", world.stream(), "text");
  CHECK_THROWS_AS(trim(*backend, 1), Error);
}
