#include <catch2/catch_test_macros.hpp>
#include <future>

#include "backend_fixture.hpp"

using namespace eventbus;
using namespace eventbus::redis_streams::testing;
using std::chrono::steady_clock;

TEST_CASE("what was published is received once, with every field") {
  World world;
  auto backend = world.consumer();
  Event event;
  event.id = "id1";
  event.type = "T";
  event.aggregate_id = "a";
  event.aggregate_type = "A";
  event.aggregate_version = 4;
  event.occurred_at = Timestamp{std::chrono::microseconds(123)};
  event.headers.set("h", "1\n2");
  event.payload = std::string("\0\xff", 2);
  auto results = publish(*backend, {event});
  auto got = take(*backend, 10);
  REQUIRE(got.size() == 1);
  CHECK(got[0].token == Token{results[0].position, 1});
  CHECK(got[0].event.id == event.id);
  CHECK(got[0].event.aggregate_type == "A");
  CHECK(got[0].event.aggregate_version == 4);
  CHECK(got[0].event.occurred_at == event.occurred_at);
  CHECK(got[0].event.headers.get("h") == "1\n2");
  CHECK(got[0].event.payload == event.payload);
  CHECK(take(*backend, 10).empty());
}

TEST_CASE("a receive takes no more than it was asked for, in order") {
  World world;
  auto backend = world.consumer();
  publish(*backend, events(5));
  auto got = take(*backend, 2);
  REQUIRE(got.size() == 2);
  CHECK(got[1].event.id == "id1");
  CHECK(take(*backend, 10).size() == 3);
}

TEST_CASE("acknowledgements ride on the receive, their results come before the deliveries") {
  World world;
  auto backend = world.consumer();
  publish(*backend, events(4));
  auto first = take(*backend, 2);
  std::vector<Settlement> due{settlement(first[0].token, SettleAction::ack, false),
                              settlement(first[1].token, SettleAction::drop, false)};
  Sink sink;
  backend->receive(10, milliseconds(0), due, sink);
  CHECK(sink.settled_calls == 1);
  CHECK(sink.settled_before_delivery);
  REQUIRE(sink.statuses.size() == 2);
  CHECK(sink.statuses[0].status == SettleStatus::done);
  CHECK(sink.got.size() == 2);
  CHECK(world.pending() == 2);
}

TEST_CASE("a receive waits for an event, and no longer than it should") {
  World world;
  auto backend = world.consumer();
  auto began = steady_clock::now();
  CHECK(take(*backend, 10, milliseconds(60)).empty());
  CHECK(steady_clock::now() - began >= milliseconds(50));
  CHECK(steady_clock::now() - began < milliseconds(3000));

  auto waiting = std::async(std::launch::async, [&] { return take(*backend, 10, milliseconds(20000)); });
  publish(*backend, events(1));
  CHECK(waiting.get().size() == 1);
}

TEST_CASE("a receive may wait longer than the time-out of commands") {
  World world;
  world.timeout_ms = 50;
  auto backend = world.consumer();
  CHECK(take(*backend, 10, milliseconds(1500)).empty());
  CHECK(take(*backend, 10, milliseconds(0)).empty());
}

TEST_CASE("waking ends a receive, or else the next one") {
  World world;
  auto backend = world.consumer();
  auto began = steady_clock::now();
  backend->wake();
  CHECK(take(*backend, 10, milliseconds(20000)).empty());

  for (int i = 0; i < 50; ++i) {
    auto waiting = std::async(std::launch::async, [&] { return take(*backend, 10, milliseconds(20000)); });
    backend->wake();
    waiting.get();
  }
  CHECK(steady_clock::now() - began < milliseconds(15000));
}

TEST_CASE("a receive of nothing returns when there is something to take, and takes nothing") {
  World world;
  auto backend = world.consumer();
  publish(*backend, events(2));
  auto began = steady_clock::now();
  CHECK(take(*backend, 0, milliseconds(20000)).empty());  // a backlog is something to take
  CHECK(steady_clock::now() - began < milliseconds(10000));
  CHECK(world.pending() == 0);
  REQUIRE(take(*backend, 10).size() == 2);

  auto waiting = std::async(std::launch::async, [&] { take(*backend, 0, milliseconds(20000)); });
  CHECK(take(*backend, 10, milliseconds(30)).empty());  // overlaps the other
  publish(*backend, events(1));
  waiting.get();
  auto woken = std::async(std::launch::async, [&] {
    take(*backend, 10);
    take(*backend, 0, milliseconds(20000));
  });
  backend->wake();
  woken.get();
  CHECK(steady_clock::now() - began < milliseconds(15000));
}

TEST_CASE("foreign entries are handed out with the reason why they are no events") {
  World world;
  auto backend = world.consumer();
  world.redis("XADD", world.stream(), "*", "event", "T", "body", "{}");
  auto got = take(*backend, 10);
  REQUIRE(got.size() == 1);
  CHECK(got[0].undecodable.find("no field") != std::string::npos);
}

TEST_CASE("two consumers of a group share, two groups each get all") {
  World world;
  auto one = world.consumer("c1"), two = world.consumer("c2"), other = world.consumer("c1", "h");
  publish(*one, events(6));
  CHECK(take(*one, 3).size() == 3);
  CHECK(take(*two, 10).size() == 3);
  CHECK(take(*other, 10).size() == 6);
}

TEST_CASE("a group begins where start_from says") {
  World world;
  auto publisher = world.publisher();
  auto results = publish(*publisher, events(3));
  CHECK(take(*world.consumer("c", "earliest"), 10).size() == 3);
  CHECK(take(*world.consumer("c", "latest", StartFrom::latest()), 10).empty());
  CHECK(take(*world.consumer("c", "after", StartFrom::after(results[0].position)), 10).size() == 2);
  // The time of an entry itself includes it, also where several share a millisecond.
  Timestamp at{milliseconds(static_cast<std::int64_t>(results[0].position.high))};
  CHECK(take(*world.consumer("c", "time", StartFrom::at(at)), 10).size() == 3);
  CHECK(take(*world.consumer("c", "later", StartFrom::at(at + std::chrono::hours(1))), 10).empty());
}

TEST_CASE("opening again changes nothing") {
  World world;
  auto backend = world.consumer();
  publish(*backend, events(2));
  take(*backend, 1);
  backend->open(Role::consumer, StartFrom::earliest());
  CHECK(take(*backend, 10).size() == 1);
  CHECK(world.host.group_recreated == 0);
  CHECK(world.host.reconnected == 0);
}

TEST_CASE("stream info tells of absent, fresh and busy streams") {
  World world;
  auto backend = world.backend();
  backend->open(Role::inspector, {});
  StreamInfo absent = backend->inspection()->stream_info();
  CHECK_FALSE(absent.exists);
  CHECK(absent.groups.empty());
  CHECK(absent.dead_letters == 0u);

  auto consumer = world.consumer("c1");
  StreamInfo fresh = backend->inspection()->stream_info();
  CHECK(fresh.exists);
  CHECK(fresh.length == 0);
  CHECK_FALSE(fresh.first);
  REQUIRE(fresh.groups.size() == 1);
  CHECK(fresh.groups[0].lag == 0u);

  auto results = publish(*consumer, events(5));
  take(*consumer, 2);
  StreamInfo busy = backend->inspection()->stream_info();
  CHECK(busy.length == 5);
  CHECK(busy.first == results[0].position);
  CHECK(busy.last == results[4].position);
  CHECK(busy.groups[0].pending == 2);
  CHECK(busy.groups[0].lag == 3u);
  REQUIRE(busy.groups[0].consumers.size() == 1);
  CHECK(busy.groups[0].consumers[0].name == "c1");

  world.redis("XDEL", world.stream(), to_string(results[4].position));
  CHECK_FALSE(backend->inspection()->stream_info().groups[0].lag);  // unknown, never a wrong number
}

TEST_CASE("history reads by position and time without touching any group") {
  World world;
  auto backend = world.consumer();
  auto results = publish(*backend, events(5));
  Sink sink;
  HistoryQuery query;
  query.limit = 3;
  auto next = backend->history()->read(query, sink);
  REQUIRE(next);
  CHECK(sink.got.size() == 3);
  query.from = *next;
  CHECK_FALSE(backend->history()->read(query, sink));
  REQUIRE(sink.got.size() == 5);
  CHECK(sink.got[4].token.position == results[4].position);
  CHECK(world.pending() == 0);

  HistoryQuery none;
  none.to_time = Timestamp{milliseconds(static_cast<std::int64_t>(results[0].position.high))};
  Sink nothing;
  backend->history()->read(none, nothing);
  CHECK(nothing.got.empty());
}
