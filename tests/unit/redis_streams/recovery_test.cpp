#include <catch2/catch_test_macros.hpp>

#include "backend_fixture.hpp"

using namespace eventbus;
using namespace eventbus::redis_streams::testing;

TEST_CASE("a name takes up what it held in an earlier life, page by page, and counts nothing") {
  World world;
  auto first = world.consumer("c1");
  publish(*first, events(5));
  take(*first, 5);
  first->close();

  auto second = world.consumer("c1");
  std::vector<Token> tokens;
  Cursor cursor{};
  int pages = 0;
  do {
    cursor = second->resume(2, cursor, tokens);
    ++pages;
  } while (cursor != Cursor{});
  CHECK(pages == 3);
  REQUIRE(tokens.size() == 5);
  CHECK(tokens[4].attempt == 1);
}

TEST_CASE("a claim takes over what was not renewed, tells the counts, and follows its cursor") {
  World world;
  auto one = world.consumer("c1"), two = world.consumer("c2");
  publish(*one, events(25));
  take(*one, 25);
  std::vector<Token> tokens;
  Cursor cursor{};
  do {
    ClaimResult claimed = two->claim(milliseconds(0), 10, cursor);
    tokens.insert(tokens.end(), claimed.tokens.begin(), claimed.tokens.end());
    cursor = claimed.next;
  } while (cursor != Cursor{});
  REQUIRE(tokens.size() == 25);
  for (const Token& token : tokens) CHECK(token.attempt == 1);
  CHECK(two->claim(milliseconds(60000), 10, {}).tokens.empty());
}

TEST_CASE("a claim reports what was trimmed away") {
  World world;
  auto one = world.consumer("c1"), two = world.consumer("c2");
  auto results = publish(*one, events(3));
  take(*one, 3);
  world.redis("XDEL", world.stream(), to_string(results[1].position));
  ClaimResult claimed = two->claim(milliseconds(0), 10, {});
  CHECK(claimed.tokens.size() == 2);
  REQUIRE(claimed.lost.size() == 1);
  CHECK(claimed.lost[0] == results[1].position);
  CHECK(world.pending() == 2);
}

TEST_CASE("a redelivery counts an attempt, or not, and tells what is not held any more") {
  World world;
  auto one = world.consumer("c1"), two = world.consumer("c2");
  auto results = publish(*one, events(4));
  auto held = tokens_of(take(*one, 4));
  REQUIRE(two->claim(milliseconds(0), 1, {}).tokens.size() == 1);       // the first is another's now
  world.redis("XDEL", world.stream(), to_string(results[1].position));  // the second is gone
  settle_one(*one, settlement(held[2], SettleAction::ack));             // the third is done
  for (bool count : {false, true}) {
    std::vector<HoldStatus> status(4);
    Sink sink;
    one->redeliver(held, count, status, sink);
    CHECK(status[0] == HoldStatus::not_mine);
    CHECK(status[1] == (count ? HoldStatus::not_mine : HoldStatus::lost));  // lost is told once
    CHECK(status[2] == HoldStatus::not_mine);
    CHECK(status[3] == HoldStatus::mine);
    REQUIRE(sink.got.size() == 1);
    CHECK(sink.got[0].token == Token{results[3].position, count ? 2u : 1u});
    CHECK(sink.got[0].event.id == "id3");
  }
  CHECK(world.pending() == 2);
}

TEST_CASE("redeliveries come in the order asked for, however many") {
  World world;
  auto backend = world.consumer();
  publish(*backend, events(450));
  auto held = tokens_of(take(*backend, 450));
  std::reverse(held.begin(), held.end());
  std::vector<HoldStatus> status(held.size());
  Sink sink;
  backend->redeliver(held, true, status, sink);
  REQUIRE(sink.got.size() == held.size());
  for (std::size_t i = 0; i < held.size(); ++i) REQUIRE(sink.got[i].token.position == held[i].position);
}

TEST_CASE("a renewal keeps others off, counts nothing, and steals nothing back") {
  World world;
  auto one = world.consumer("c1"), two = world.consumer("c2");
  auto results = publish(*one, events(3));
  auto held = tokens_of(take(*one, 3));
  REQUIRE(two->claim(milliseconds(0), 1, {}).tokens.size() == 1);
  world.redis("XDEL", world.stream(), to_string(results[1].position));
  std::vector<HoldStatus> status(3);
  one->renew(held, status);
  CHECK(status[0] == HoldStatus::not_mine);
  CHECK(status[1] == HoldStatus::lost);
  CHECK(status[2] == HoldStatus::mine);
  std::vector<Token> others;
  two->resume(10, {}, others);
  CHECK(others.size() == 1);
  std::vector<Token> own;
  one->resume(10, {}, own);
  REQUIRE(own.size() == 1);
  CHECK(own[0] == held[2]);
}

TEST_CASE("a thousand leases are renewed in one call") {
  World world;
  auto backend = world.consumer();
  publish(*backend, events(1000));
  auto held = tokens_of(take(*backend, 1000));
  std::vector<HoldStatus> status(held.size());
  backend->renew(held, status);
  for (HoldStatus one : status) REQUIRE(one == HoldStatus::mine);
}

TEST_CASE("a consumer that leaves with nothing pending is removed, one with something stays") {
  World world;
  auto one = world.consumer("c1"), two = world.consumer("c2");
  publish(*one, events(2));
  take(*one, 1);
  auto got = take(*two, 1);
  settle_one(*two, settlement(got[0].token, SettleAction::ack));
  one->close();
  two->close();
  auto consumers = world.redis("XINFO", "CONSUMERS", world.stream(), "g");
  REQUIRE(consumers.size() == 1);
  CHECK(consumers[0].field("name").text() == "c1");
  CHECK(world.pending() == 1);
}
