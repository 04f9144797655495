#include <catch2/catch_test_macros.hpp>

#include "backend_fixture.hpp"

using namespace eventbus;
using eventbus::redis_streams::Reply;
using namespace eventbus::redis_streams::testing;

namespace {

DeadLetterReason why(std::string_view reason) {
  return {"handler\t1", reason, 4, Timestamp{std::chrono::microseconds(11)}, Timestamp{std::chrono::microseconds(22)}};
}

Settlement dead(const Token& token, const DeadLetterReason& reason) {
  Settlement one = settlement(token, SettleAction::dead_letter);
  one.dead = &reason;
  return one;
}

struct Letters final : DeadLetterStore::Sink {
  void entry(const DeadLetter& entry) override { got.push_back(entry); }
  std::vector<DeadLetter> got;
};

std::vector<DeadLetter> letters(Backend& backend) {
  Letters sink;
  backend.dead_letter_store()->list({}, sink);
  return sink.got;
}

}  // namespace

TEST_CASE("plain and guarded acknowledgements take events off the pending list") {
  World world;
  auto backend = world.consumer();
  publish(*backend, events(500));
  auto got = take(*backend, 500);
  std::vector<Settlement> all;
  for (std::size_t i = 0; i < got.size(); ++i) all.push_back(settlement(got[i].token, SettleAction::ack, i % 2 == 0));
  std::vector<SettleResult> results(all.size());
  backend->settle(all, results);
  for (const SettleResult& result : results) REQUIRE(result.status == SettleStatus::done);
  CHECK(world.pending() == 0);
}

TEST_CASE("a guarded settlement tells absent from not mine, and does nothing to the new owner") {
  World world;
  auto one = world.consumer("c1"), two = world.consumer("c2");
  publish(*one, events(3));
  auto got = take(*one, 3);
  CHECK(settle_one(*one, settlement(got[0].token, SettleAction::ack)).status == SettleStatus::done);
  CHECK(settle_one(*one, settlement(got[0].token, SettleAction::ack)).status == SettleStatus::absent);

  REQUIRE(two->claim(milliseconds(0), 10, {}).tokens.size() == 2);
  DeadLetterReason reason = why("x");
  CHECK(settle_one(*one, settlement(got[1].token, SettleAction::ack)).status == SettleStatus::not_mine);
  CHECK(settle_one(*one, settlement(got[1].token, SettleAction::release)).status == SettleStatus::not_mine);
  CHECK(settle_one(*one, dead(got[1].token, reason)).status == SettleStatus::not_mine);
  CHECK(world.pending() == 2);
  CHECK(letters(*one).empty());
}

TEST_CASE("a settlement with an old count has no effect") {
  World world;
  auto backend = world.consumer();
  publish(*backend, events(1));
  auto got = take(*backend, 1);
  std::vector<Token> held{got[0].token};
  std::vector<HoldStatus> status(1);
  Sink sink;
  backend->redeliver(held, true, status, sink);
  CHECK(settle_one(*backend, settlement(got[0].token, SettleAction::ack)).status == SettleStatus::not_mine);
  CHECK(settle_one(*backend, settlement(sink.got[0].token, SettleAction::ack)).status == SettleStatus::done);
}

TEST_CASE("a released event is claimable at once, with the count that was left behind") {
  World world;
  auto one = world.consumer("c1"), two = world.consumer("c2");
  publish(*one, events(1));
  auto got = take(*one, 1);
  CHECK(two->claim(milliseconds(1000), 10, {}).tokens.empty());
  REQUIRE(settle_one(*one, settlement(got[0].token, SettleAction::release)).status == SettleStatus::done);
  auto claimed = two->claim(milliseconds(1000), 10, {});
  REQUIRE(claimed.tokens.size() == 1);
  CHECK(claimed.tokens[0] == Token{got[0].token.position, 0});
}

TEST_CASE("a release with a delay is claimable when that has passed") {
  World world;
  auto one = world.consumer("c1"), two = world.consumer("c2");
  publish(*one, events(1));
  auto got = take(*one, 1);
  Settlement release = settlement(got[0].token, SettleAction::release);
  release.release_delay = milliseconds(400);
  release.release_count = 2;
  auto began = std::chrono::steady_clock::now();
  REQUIRE(settle_one(*one, release).status == SettleStatus::done);
  ClaimResult claimed;
  while (claimed.tokens.empty() && std::chrono::steady_clock::now() - began < std::chrono::seconds(10)) {
    claimed = two->claim(milliseconds(1000), 10, {});
  }
  auto took = std::chrono::steady_clock::now() - began;
  REQUIRE(claimed.tokens.size() == 1);
  CHECK(claimed.tokens[0].attempt == 2);
  CHECK(took >= milliseconds(380));
  CHECK(took < milliseconds(990));  // sooner than the lease
}

TEST_CASE("a dead letter keeps the entry as it was and adds where it comes from and why") {
  World world;
  auto backend = world.consumer();
  world.redis("XADD", world.stream(), "*", "foreign", "a\tb", "foreign", "");
  std::vector<Event> list = events(1);
  list[0].headers.set("h", "x");
  publish(*backend, list);
  auto got = take(*backend, 10);
  REQUIRE(got.size() == 2);
  DeadLetterReason reason = why("line\nbreak\\");
  REQUIRE(settle_one(*backend, dead(got[0].token, reason)).status == SettleStatus::done);
  REQUIRE(settle_one(*backend, dead(got[1].token, reason)).status == SettleStatus::done);
  CHECK(world.pending() == 0);

  auto raw = world.redis("XRANGE", world.dead_letters(), "-", "+");
  REQUIRE(raw.size() == 2);
  REQUIRE(raw[0][1].size() == 6);
  CHECK(raw[0][1][1].text() == "a\tb");
  CHECK(raw[0][1][2].text() == "foreign");
  CHECK(raw[0][1][4].text() == "dead");
  CHECK(raw[0][1][5].text() == to_string(got[0].token.position) + "\tg\tc1\thandler\\t1\t4\t11\t22\tline\\nbreak\\\\");

  auto dead_ones = letters(*backend);
  REQUIRE(dead_ones.size() == 2);
  const DeadLetter& letter = dead_ones[1];
  CHECK(letter.event.id == "id0");
  CHECK(letter.event.headers.get("h") == "x");
  CHECK(letter.original_position == got[1].token.position);
  CHECK(letter.group == "g");
  CHECK(letter.consumer == "c1");
  CHECK(letter.handler == "handler\t1");
  CHECK(letter.attempts == 4);
  CHECK(letter.reason == "line\nbreak\\");
  CHECK(letter.last_failed == Timestamp{std::chrono::microseconds(22)});
}

TEST_CASE("where the dead letter can't be written the event stays pending") {
  World world;
  auto backend = world.consumer();
  publish(*backend, events(2));
  auto got = take(*backend, 2);
  world.redis("SET", world.dead_letters(), "no stream");
  DeadLetterReason reason = why("x");
  // The other settlement of the same call is done all the same.
  std::vector<Settlement> both{dead(got[0].token, reason), settlement(got[1].token, SettleAction::ack)};
  std::vector<SettleResult> results(2);
  backend->settle(both, results);
  CHECK(results[0].status == SettleStatus::failed);
  CHECK_FALSE(results[0].retryable);
  CHECK(results[0].error.find(world.dead_letters()) != std::string::npos);
  CHECK(results[1].status == SettleStatus::done);
  CHECK(world.pending() == 1);
}

TEST_CASE("what was trimmed away while pending is lost when it is settled, and no longer pending") {
  World world;
  auto backend = world.consumer();
  publish(*backend, events(2));
  auto got = take(*backend, 2);
  world.redis("XTRIM", world.stream(), "MAXLEN", "0");
  DeadLetterReason reason = why("x");
  CHECK(settle_one(*backend, dead(got[0].token, reason)).status == SettleStatus::lost);
  CHECK(settle_one(*backend, settlement(got[1].token, SettleAction::release)).status == SettleStatus::lost);
  CHECK(world.pending() == 0);
}

TEST_CASE("an entry too wide for a script to copy stays pending and holds up no other settlement") {
  World world;
  auto backend = world.consumer();
  redis_streams::Request wide;
  wide.command(3 + 8000) << "XADD" << world.stream() << "*";
  for (int i = 0; i < 8000; ++i) wide << "x";
  redis_streams::Connection connection(redis_streams::parse_url(world.server.url()), milliseconds(5000),
                                       milliseconds(5000), "test");
  connection.connect();
  connection.call(wide, "add");
  publish(*backend, events(1));
  auto got = take(*backend, 2);
  REQUIRE(got.size() == 2);
  DeadLetterReason reason = why("x");
  std::vector<Settlement> both{dead(got[0].token, reason), dead(got[1].token, reason)};
  std::vector<SettleResult> results(2);
  backend->settle(both, results);
  CHECK(results[0].status == SettleStatus::failed);
  CHECK(results[1].status == SettleStatus::done);
}

TEST_CASE("of two replays of one dead letter one succeeds, and may be aimed at one group") {
  World world;
  auto backend = world.consumer();
  publish(*backend, events(1));
  auto got = take(*backend, 1);
  DeadLetterReason reason = why("x");
  settle_one(*backend, dead(got[0].token, reason));
  Position position = letters(*backend).at(0).position;
  CHECK(backend->dead_letter_store()->replay(position, "h"));
  CHECK_FALSE(backend->dead_letter_store()->replay(position, "h"));
  CHECK(letters(*backend).empty());

  auto again = take(*backend, 1);
  REQUIRE(again.size() == 1);
  CHECK(again[0].only_group == "h");
  CHECK(again[0].token.attempt == 1);
  CHECK(again[0].event.id == "id0");
  // Still aimed at it after a crash of the one who received it.
  std::vector<Token> held{again[0].token};
  std::vector<HoldStatus> status(1);
  Sink sink;
  backend->redeliver(held, true, status, sink);
  REQUIRE(sink.got.size() == 1);
  CHECK(sink.got[0].only_group == "h");
}

TEST_CASE("dead letters are listed by page and type, purged and put back") {
  World world;
  auto backend = world.consumer();
  publish(*backend, events(3, "A"));
  publish(*backend, events(2, "B"));
  DeadLetterReason reason = why("x");
  for (const Received& one : take(*backend, 10)) settle_one(*backend, dead(one.token, reason));
  DeadLetterStore& store = *backend->dead_letter_store();

  Letters page;
  DeadLetterQuery query;
  query.limit = 2;
  auto next = store.list(query, page);
  REQUIRE(next);
  query.after = *next;
  query.limit = 10;
  CHECK_FALSE(store.list(query, page));
  CHECK(page.got.size() == 5);
  Letters of_type;
  store.list({{}, 100, "B", ""}, of_type);
  CHECK(of_type.got.size() == 2);

  PurgeQuery some;
  some.positions = {page.got[0].position, page.got[1].position};
  CHECK(store.purge(some) == 2);
  PurgeQuery all;
  all.all = true;
  CHECK(store.purge(all) == 3);
  CHECK(store.add(page.got) == 5);
  auto back = letters(*backend);
  REQUIRE(back.size() == 5);
  CHECK(back[4].reason == "x");
  CHECK(back[4].event.id == page.got[4].event.id);
}

TEST_CASE("large dead letters of one call are moved in several steps, so that none holds the server up") {
  RedisServer server;
  World world(server);
  auto backend = world.consumer();
  std::vector<Event> list = events(20);
  for (Event& event : list) event.payload = std::string(1 << 20, 'x');
  publish(*backend, list);
  DeadLetterReason reason = why("x");
  std::vector<Settlement> all;
  for (const Received& one : take(*backend, 100)) all.push_back(dead(one.token, reason));
  std::vector<SettleResult> results(all.size());
  world.redis("CONFIG", "RESETSTAT");
  backend->settle(all, results);
  for (const SettleResult& result : results) REQUIRE(result.status == SettleStatus::done);
  CHECK(world.pending() == 0);
  CHECK(world.redis("XLEN", world.dead_letters()).integer() == 20);
  Reply stats = world.redis("INFO", "commandstats");
  std::string text(stats.text());
  CHECK(text.substr(std::min(text.size(), text.find("cmdstat_evalsha:")), 24) == "cmdstat_evalsha:calls=5,");
}

TEST_CASE("out of memory what needs none is settled, and only the dead letters of the call wait") {
  RedisServer server;
  World world(server);
  auto backend = world.consumer();
  publish(*backend, events(4));
  auto got = take(*backend, 4);
  world.redis("CONFIG", "SET", "maxmemory", "1");
  DeadLetterReason reason = why("x");
  std::vector<Settlement> all{dead(got[0].token, reason), settlement(got[1].token, SettleAction::ack),
                              dead(got[2].token, reason), settlement(got[3].token, SettleAction::release)};
  std::vector<SettleResult> results(4);
  backend->settle(all, results);
  CHECK(results[0].status == SettleStatus::failed);
  CHECK(results[0].retryable);
  CHECK(results[1].status == SettleStatus::done);
  CHECK(results[2].status == SettleStatus::failed);
  CHECK(results[3].status == SettleStatus::done);
  CHECK(world.pending() == 3);
  world.redis("CONFIG", "SET", "maxmemory", "0");
  CHECK(settle_one(*backend, all[0]).status == SettleStatus::done);
  CHECK(settle_one(*backend, all[2]).status == SettleStatus::done);
  CHECK(world.pending() == 1);
}

TEST_CASE("the dead letters are capped, those that are put back too") {
  World world;
  BackendSettings settings = world.settings();
  settings.dead_letter_max_length = 100;
  redis_streams::RedisBackend backend(settings, world.host);
  backend.open(Role::consumer, {});
  publish(backend, events(1000));
  DeadLetterReason reason = why("x");
  std::vector<Settlement> all;
  for (const Received& one : take(backend, 1000)) all.push_back(dead(one.token, reason));
  std::vector<SettleResult> results(all.size());
  backend.settle(all, results);
  auto length = [&] { return world.redis("XLEN", world.dead_letters()).integer(); };
  CHECK(length() >= 100);
  CHECK(length() < 300);  // whole nodes go
  auto kept = letters(backend);
  for (int i = 0; i < 10; ++i) backend.dead_letter_store()->add(kept);
  CHECK(length() < 300);
}
