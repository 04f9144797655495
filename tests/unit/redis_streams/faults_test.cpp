#include <signal.h>

#include <catch2/catch_test_macros.hpp>
#include <future>

#include "backend_fixture.hpp"

using namespace eventbus;
using namespace eventbus::redis_streams::testing;

namespace {

Error error_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error;
  }
  return {ErrorCode::internal, "nothing was thrown"};
}

bool holds(const Error& error, const std::string& text) {
  return std::string(error.what()).find(text) != std::string::npos;
}

}  // namespace

TEST_CASE("without a server the error names the address and what to do") {
  World world;
  BackendSettings settings = world.settings();
  settings.config_json = R"({"redis_url":"redis://ann:hunter2@127.0.0.1:1"})";
  redis_streams::RedisBackend backend(settings, world.host);
  Error error = error_of([&] { backend.open(Role::publisher, {}); });
  CHECK(error.code() == ErrorCode::unavailable);
  CHECK(error.retryable());
  CHECK(std::string(error.what()) ==
        "redis-streams: cannot connect to 127.0.0.1:1: connection refused; is the server running?");
  auto results = publish(backend, events(1));
  CHECK(results[0].status == AppendStatus::rejected);
  CHECK(results[0].error->code() == ErrorCode::unavailable);
}

TEST_CASE("TLS that this build lacks and an unknown wire format are refused at once") {
  World world;
  BackendSettings settings = world.settings();
  settings.config_json = R"({"redis_url":"rediss://ann:hunter2@cache"})";
  Error tls = error_of([&] { redis_streams::RedisBackend backend(settings, world.host); });
  CHECK(tls.code() == ErrorCode::invalid_config);
  CHECK(holds(tls, "TLS"));
  CHECK_FALSE(holds(tls, "hunter2"));
  settings.config_json = R"({"wire_format":"eventsource"})";
  Error format = error_of([&] { redis_streams::RedisBackend backend(settings, world.host); });
  CHECK(format.code() == ErrorCode::invalid_config);
  CHECK(holds(format, "'eventsource'"));
}

TEST_CASE("a wrong password, a missing one, and an absent database are each told, without the secret") {
  RedisServer server;
  World world(server);
  world.redis("ACL", "SETUSER", "ann", "on", ">right", "~*", "&*", "+@all");
  auto open_with = [&](const std::string& url) {
    return error_of([&] {
      BackendSettings settings = world.settings();
      settings.config_json = R"({"redis_url":")" + url + "\"}";
      redis_streams::RedisBackend backend(settings, world.host);
      backend.open(Role::publisher, {});
    });
  };
  std::string at = "127.0.0.1:" + std::to_string(server.port());
  Error wrong = open_with("redis://ann:hunter2@" + at);
  CHECK(wrong.code() == ErrorCode::invalid_config);
  CHECK(holds(wrong, "check user and password"));
  CHECK_FALSE(holds(wrong, "hunter2"));
  Error database = open_with("redis://" + at + "/99");
  CHECK(database.code() == ErrorCode::invalid_config);
  CHECK(holds(database, "database"));
  CHECK(holds(open_with("redis://ann:right@" + at + "/1"), "nothing was thrown"));
  world.redis("ACL", "SETUSER", "default", "resetpass", ">secret");
  Error missing = open_with("redis://" + at);
  CHECK(missing.code() == ErrorCode::invalid_config);
  CHECK(holds(missing, "redis_url"));
}

TEST_CASE("a key of another type is told, to publishers and consumers") {
  World world;
  world.redis("SET", world.stream(), "text");
  for (Role role : {Role::publisher, Role::consumer}) {
    Error error = error_of([&] { world.backend()->open(role, {}); });
    CHECK(error.code() == ErrorCode::invalid_config);
    CHECK(holds(error, world.stream()));
  }
}

TEST_CASE("a read-only replica is told, and may be tried again") {
  RedisServer server;
  World world(server);
  auto backend = world.publisher();
  world.redis("REPLICAOF", "127.0.0.1", "1");
  auto results = publish(*backend, events(1));
  CHECK(results[0].status == AppendStatus::rejected);
  CHECK(results[0].error->code() == ErrorCode::unavailable);
  CHECK(holds(*results[0].error, "replica"));
}

TEST_CASE("out of memory publishing is refused for now, and consumers go on") {
  RedisServer server;
  World world(server);
  auto backend = world.consumer();
  publish(*backend, events(3));
  auto got = take(*backend, 2);
  world.redis("CONFIG", "SET", "maxmemory", "1");
  auto results = publish(*backend, events(1));
  CHECK(results[0].status == AppendStatus::rejected);
  CHECK(results[0].error->retryable());
  CHECK(holds(*results[0].error, "maxmemory"));

  std::vector<Token> held = tokens_of(got);
  std::vector<HoldStatus> status(2);
  backend->renew(held, status);
  CHECK(status[0] == HoldStatus::mine);
  CHECK(take(*backend, 10).size() == 1);
  CHECK(settle_one(*backend, settlement(got[0].token, SettleAction::ack)).status == SettleStatus::done);
  DeadLetterReason reason;
  Settlement dead = settlement(got[1].token, SettleAction::dead_letter);
  dead.dead = &reason;
  SettleResult waits = settle_one(*backend, dead);
  CHECK(waits.status == SettleStatus::failed);
  CHECK(waits.retryable);
  CHECK(world.pending() == 2);
  backend->open(Role::consumer, {});
  world.redis("CONFIG", "SET", "maxmemory", "0");
  CHECK(settle_one(*backend, dead).status == SettleStatus::done);
}

TEST_CASE("publishing goes on at once when the server is back") {
  RedisServer server;
  World world(server);
  auto backend = world.publisher();
  publish(*backend, events(1));
  server.stop();
  auto down = publish(*backend, events(2));
  CHECK(down[0].status == AppendStatus::rejected);
  CHECK(down[1].error->code() == ErrorCode::unavailable);
  server.start();
  CHECK(publish(*backend, events(1))[0].status == AppendStatus::written);
  CHECK(world.host.reconnected == 1);
}

TEST_CASE("a server that dies in the middle of a long list ends neither the process nor the promise") {
  RedisServer server;
  World world(server);
  auto backend = world.publisher();
  std::vector<Event> list = events(20000);
  for (Event& event : list) event.payload = std::string(1000, 'x');
  std::vector<AppendResult> results(list.size());
  auto publishing = std::async(std::launch::async, [&] { backend->append(list, results); });
  while (world.redis("EXISTS", world.stream()).integer() == 0) {
  }
  server.stop();
  publishing.get();
  // Written first, then what nobody can know, then what was surely not written.
  std::size_t written = 0, unknown = 0, rejected = 0;
  for (const AppendResult& result : results) {
    if (result.status == AppendStatus::written) {
      CHECK(unknown + rejected == 0);
      ++written;
    } else if (result.status == AppendStatus::unknown) {
      CHECK(rejected == 0);
      ++unknown;
    } else {
      ++rejected;
    }
  }
  CHECK(written + unknown + rejected == results.size());
  CHECK(unknown <= 200);  // two chunks in flight
}

TEST_CASE("an answer that does not come in time leaves the fate unknown") {
  RedisServer server;
  World world(server);
  world.timeout_ms = 200;
  auto backend = world.consumer();
  auto got_before = publish(*backend, events(1));
  auto got = take(*backend, 1);
  ::kill(server.pid(), SIGSTOP);
  auto results = publish(*backend, events(1));
  CHECK(results[0].status == AppendStatus::unknown);
  CHECK(results[0].error->code() == ErrorCode::timed_out);
  Error read = error_of([&] { take(*backend, 1, milliseconds(100)); });
  CHECK(read.code() == ErrorCode::timed_out);
  CHECK(holds(read, "no answer in time"));
  ::kill(server.pid(), SIGCONT);
  CHECK(publish(*backend, events(1))[0].status == AppendStatus::written);
  backend->open(Role::consumer, {});
  CHECK(settle_one(*backend, settlement(got[0].token, SettleAction::ack)).status == SettleStatus::done);
}

TEST_CASE("a settlement that can't reach the server says so and may be sent again") {
  RedisServer server;
  World world(server);
  auto backend = world.consumer();
  publish(*backend, events(1));
  auto got = take(*backend, 1);
  server.stop();
  for (bool guarded : {false, true}) {
    SettleResult result = settle_one(*backend, settlement(got[0].token, SettleAction::ack, guarded));
    CHECK((result.status == SettleStatus::failed || result.status == SettleStatus::unknown));
    CHECK(result.retryable);
  }
}

TEST_CASE("after the stream is gone the group is made again from the beginning of what is new") {
  RedisServer server;
  World world(server);
  auto backend = world.consumer();
  publish(*backend, events(2));
  take(*backend, 2);
  backend->claim(milliseconds(1000), 10, {});  // writes the mark
  auto waiting = std::async(std::launch::async, [&] {
    return error_of([&] {
      for (;;) take(*backend, 10, milliseconds(20000));
    });
  });
  world.redis("FLUSHALL");
  CHECK(waiting.get().code() == ErrorCode::unavailable);
  publish(*backend, events(3));
  backend->open(Role::consumer, StartFrom::earliest());
  CHECK(world.host.group_recreated == 1);
  CHECK(take(*backend, 10).size() == 3);
}

TEST_CASE("after the group is gone it is made again at its mark: duplicates, never loss") {
  World world;
  auto backend = world.consumer();
  publish(*backend, events(4));
  auto got = take(*backend, 3);
  settle_one(*backend, settlement(got[0].token, SettleAction::ack));
  backend->claim(milliseconds(60000), 10, {});  // wraps, and so writes the mark: before the second
  world.redis("XGROUP", "DESTROY", world.stream(), "g");
  Error error = error_of([&] { take(*backend, 10); });
  CHECK(error.code() == ErrorCode::unavailable);
  CHECK(error.retryable());
  backend->open(Role::consumer, StartFrom::earliest());
  CHECK(world.host.group_recreated == 1);
  auto again = take(*backend, 10);
  REQUIRE(again.size() == 3);
  CHECK(again[0].event.id == "id1");
}

TEST_CASE("a mark of an earlier stream counts as nothing") {
  World world;
  world.redis("HSET", world.prefix + ":marks", "g", "99999999999999-0");
  auto publisher = world.publisher();
  publish(*publisher, events(2));
  CHECK(take(*world.consumer(), 10).size() == 2);
}

TEST_CASE("after the server lost its scripts they are sent again") {
  World world;
  auto backend = world.consumer();
  backend->renew({}, {});
  world.redis("SCRIPT", "FLUSH");
  backend->renew({}, {});
}

TEST_CASE("a reader whose connection was cut is restored by open, and that is signalled") {
  World world;
  auto backend = world.consumer();
  world.redis("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
  CHECK(error_of([&] { take(*backend, 1, milliseconds(100)); }).retryable());
  backend->open(Role::consumer, {});
  publish(*backend, events(1));
  CHECK(take(*backend, 1, milliseconds(1000)).size() == 1);
  CHECK(world.host.reconnected == 2);
}
