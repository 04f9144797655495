// What becomes of a group that is lost while its consumers run.
#include <catch2/catch_test_macros.hpp>
#include <set>

#include "backend_fixture.hpp"

using namespace eventbus;
using eventbus::redis_streams::Reply;
using namespace eventbus::redis_streams::testing;

namespace {

template <class Call>
ErrorCode code_of(Call call) {
  try {
    call();
  } catch (const Error& error) {
    return error.code();
  }
  return ErrorCode::internal;
}

std::set<std::string> ids_of(const std::vector<Received>& list) {
  std::set<std::string> out;
  for (const Received& one : list) out.insert(one.event.id);
  return out;
}

std::vector<Event> named(const std::string& name, std::size_t count) {
  auto out = events(count);
  for (std::size_t i = 0; i < count; ++i) out[i].id = name + std::to_string(i);
  return out;
}

}  // namespace

TEST_CASE("two consumers lose their group: what each had pending comes back, and what was published between") {
  World world;
  auto one = world.consumer("c1"), two = world.consumer("c2");
  publish(*one, named("a", 6));
  auto first = take(*one, 3), second = take(*two, 3);
  settle_one(*one, settlement(first[0].token, SettleAction::ack));
  one->claim(milliseconds(60000), 10, {});  // wraps, and so writes the mark
  settle_one(*one, settlement(first[1].token, SettleAction::ack));

  world.redis("XGROUP", "DESTROY", world.stream(), "g");
  publish(*one, named("b", 2));
  CHECK(code_of([&] { take(*one, 10); }) == ErrorCode::unavailable);
  CHECK(code_of([&] { take(*two, 10); }) == ErrorCode::unavailable);
  one->open(Role::consumer, StartFrom::earliest());
  two->open(Role::consumer, StartFrom::earliest());
  CHECK(world.host.group_recreated == 1);  // by the faster one alone

  auto again = take(*one, 4);
  auto rest = take(*two, 100);
  auto ids = ids_of(again);
  ids.merge(ids_of(rest));
  CHECK(ids == std::set<std::string>{"a1", "a2", "a3", "a4", "a5", "b0", "b1"});
}

TEST_CASE("two consumers lose the whole server's data: what was published since comes, to one of them each") {
  RedisServer server;
  World world(server);
  auto one = world.consumer("c1"), two = world.consumer("c2");
  publish(*one, named("a", 4));
  take(*one, 2);
  take(*two, 2);
  world.redis("FLUSHALL");
  publish(*two, named("b", 5));
  one->open(Role::consumer, StartFrom::latest());
  two->open(Role::consumer, StartFrom::latest());
  auto ids = ids_of(take(*one, 2));
  ids.merge(ids_of(take(*two, 100)));
  CHECK(ids == std::set<std::string>{"b0", "b1", "b2", "b3", "b4"});
}

TEST_CASE("a deleted stream begins anew: its group reads all that is new") {
  World world;
  auto backend = world.consumer();
  publish(*backend, named("a", 3));
  auto got = take(*backend, 3);
  for (const Received& each : got) settle_one(*backend, settlement(each.token, SettleAction::ack));
  backend->claim(milliseconds(60000), 10, {});
  world.redis("DEL", world.stream());
  publish(*backend, named("b", 2));
  CHECK(code_of([&] { take(*backend, 10); }) == ErrorCode::unavailable);
  backend->open(Role::consumer, StartFrom::latest());
  CHECK(ids_of(take(*backend, 10)) == std::set<std::string>{"b0", "b1"});
}

TEST_CASE("a stream that begins anew with lower ids is read from its beginning") {
  World world;
  auto backend = world.consumer();
  publish(*backend, named("a", 3));
  take(*backend, 3);
  backend->claim(milliseconds(60000), 10, {});
  world.redis("DEL", world.stream());
  world.redis("XADD", world.stream(), "5-1", "type", "T", "meta", "1\ti\t\t\t0\t0", "data", "{}");
  backend->open(Role::consumer, StartFrom::latest());
  CHECK(take(*backend, 10).size() == 1);
}

TEST_CASE("the mark is written with the group and whenever a claim wraps, and never passes what is needed") {
  World world;
  auto publisher = world.publisher();
  auto results = publish(*publisher, events(3));
  auto backend = world.consumer("c1", "g", StartFrom::after(results[0].position));
  auto mark = [&] { return std::string(world.redis("HGET", world.prefix + ":marks", "g").text()); };
  CHECK(mark() == to_string(results[0].position));
  auto got = take(*backend, 2);
  backend->claim(milliseconds(60000), 10, {});
  CHECK(mark() == to_string(results[1].position.previous()));
  settle_one(*backend, settlement(got[0].token, SettleAction::ack));
  backend->claim(milliseconds(60000), 10, {});
  CHECK(mark() == to_string(results[2].position.previous()));
  settle_one(*backend, settlement(got[1].token, SettleAction::ack));
  backend->claim(milliseconds(60000), 10, {});
  CHECK(mark() == to_string(results[2].position));
}

TEST_CASE("without its group nothing is settled wrongly: what is sent again after it is back is absent") {
  World world;
  auto backend = world.consumer();
  publish(*backend, events(3));
  auto got = take(*backend, 3);
  world.redis("XGROUP", "DESTROY", world.stream(), "g");
  DeadLetterReason reason;
  Settlement dead = settlement(got[0].token, SettleAction::dead_letter);
  dead.dead = &reason;
  SettleResult result = settle_one(*backend, dead);
  CHECK(result.status == SettleStatus::failed);
  CHECK(result.retryable);
  // A server says nothing about the group to a plain acknowledgement; the event comes again.
  CHECK(settle_one(*backend, settlement(got[1].token, SettleAction::ack, false)).status == SettleStatus::done);
  auto held = tokens_of(got);
  std::vector<HoldStatus> status(3);
  CHECK(code_of([&] { backend->renew(held, status); }) == ErrorCode::unavailable);
  CHECK(code_of([&] { backend->claim(milliseconds(0), 10, {}); }) == ErrorCode::unavailable);

  backend->open(Role::consumer, StartFrom::earliest());
  CHECK(settle_one(*backend, dead).status == SettleStatus::absent);
  CHECK(world.redis("XLEN", world.dead_letters()).integer() == 0);
  backend->renew(held, status);
  for (HoldStatus one : status) CHECK(one == HoldStatus::not_mine);
  CHECK(take(*backend, 10).size() == 3);
}

TEST_CASE("consumers that are gone and empty are removed, no others") {
  World world;
  auto backend = world.consumer("c1"), alive = world.consumer("alive");
  publish(*backend, events(1));
  world.redis("XREADGROUP", "GROUP", "g", "busy", "COUNT", "1", "STREAMS", world.stream(), ">");
  world.redis("XGROUP", "CREATECONSUMER", world.stream(), "g", "gone");
  world.redis("XGROUP", "CREATECONSUMER", world.stream(), "g", "alive");
  auto names = [&] {
    std::set<std::string> out;
    Reply list = world.redis("XINFO", "CONSUMERS", world.stream(), "g");
    for (std::size_t i = 0; i < list.size(); ++i) out.emplace(list[i].field("name").text());
    return out;
  };
  backend->remove_gone_consumers(std::chrono::hours(1));
  CHECK(names() == std::set<std::string>{"alive", "busy", "gone"});
  backend->remove_gone_consumers(milliseconds(0));
  CHECK(names() == std::set<std::string>{"alive", "busy"});
  CHECK(world.pending() == 1);
  alive->close();
  backend->remove_gone_consumers(milliseconds(0));
  CHECK(names() == std::set<std::string>{"busy"});
}
