// Each kind of trouble that a server can tell is its own clear error.
#include <signal.h>

#include <catch2/catch_test_macros.hpp>
#include <future>

#include "backend_fixture.hpp"

using namespace eventbus;
using eventbus::redis_streams::Reply;
using namespace eventbus::redis_streams::testing;
using redis_streams::error_from;

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

TEST_CASE("what a server says tells whether trying again makes sense") {
  struct Row {
    const char* reply;
    ErrorCode code;
    bool retryable;
  };
  for (const Row& row : {
           Row{"LOADING Redis is loading the dataset in memory", ErrorCode::unavailable, true},
           Row{"READONLY You can't write against a read only replica.", ErrorCode::unavailable, true},
           Row{"MASTERDOWN Link with MASTER is down", ErrorCode::unavailable, true},
           Row{"NOGROUP No such key 'k' or consumer group 'g'", ErrorCode::unavailable, true},
           Row{"UNBLOCKED the stream key no longer exists", ErrorCode::unavailable, true},
           Row{"MISCONF Errors writing to the AOF file", ErrorCode::unavailable, true},
           Row{"NOREPLICAS Not enough good replicas to write.", ErrorCode::unavailable, true},
           Row{"BUSY Redis is busy running a script.", ErrorCode::unavailable, true},
           Row{"CLUSTERDOWN The cluster is down", ErrorCode::unavailable, true},
           Row{"ERR max number of clients reached", ErrorCode::unavailable, true},
           Row{"OOM command not allowed when used memory > 'maxmemory'.", ErrorCode::backpressure, true},
           Row{"NOAUTH Authentication required.", ErrorCode::invalid_config, false},
           Row{"WRONGPASS invalid username-password pair", ErrorCode::invalid_config, false},
           Row{"NOPERM this user has no permissions", ErrorCode::invalid_config, false},
           Row{"DENIED Redis is running in protected mode", ErrorCode::invalid_config, false},
           Row{"WRONGTYPE Operation against a key", ErrorCode::invalid_config, false},
           Row{"MOVED 3999 127.0.0.1:6381", ErrorCode::invalid_config, false},
           Row{"ERR unknown command 'XAUTOCLAIM'", ErrorCode::unsupported, false},
           Row{"ERR something new", ErrorCode::internal, false},
       }) {
    Error error = error_from(row.reply, "do", "a:1");
    INFO(row.reply);
    CHECK(error.code() == row.code);
    CHECK(error.retryable() == row.retryable);
    CHECK(holds(error, std::string("redis-streams: cannot do at a:1: ") + row.reply));
  }
}

TEST_CASE("an error within a script of an older server is told as what it is") {
  Error error = error_from(
      "ERR Error running script (call to f_1b2c): @user_script:12: OOM command not allowed when used memory > "
      "'maxmemory'.",
      "settle", "a:1");
  CHECK(error.code() == ErrorCode::backpressure);
  CHECK(holds(error, "cannot settle at a:1: OOM command"));
  CHECK(error_from("ERR Error running script (call to f_1): @user_script:1: @user_script: 1: NOGROUP No such key", "x",
                   "a")
            .code() == ErrorCode::unavailable);
  CHECK(error_from("ERR Error running script", "x", "a").code() == ErrorCode::internal);
}

TEST_CASE("a server that is loading its data is waited for") {
  RedisServer server(RedisServer::Keeps::nothing, {"--enable-debug-command", "yes"});
  World world(server);
  auto backend = world.publisher();
  publish(*backend, events(200));
  for (int i = 0; i < 200; ++i) world.redis("SET", "k" + std::to_string(i), "v");
  world.redis("CONFIG", "SET", "loading-process-events-interval-bytes", "1024");
  world.redis("CONFIG", "SET", "key-load-delay", "5000");  // microseconds: a second in all
  std::optional<Error> seen, opening;
  auto is_loading = [](const std::optional<Error>& error) { return error && holds(*error, "LOADING"); };
  auto all_seen = [&] { return is_loading(seen) && is_loading(opening); };
  for (int tries = 0; tries < 10 && !all_seen(); ++tries) {  // one reload may be over before a busy machine looks
    auto reload = std::async(std::launch::async, [&] { world.redis("DEBUG", "RELOAD"); });
    while (reload.wait_for(std::chrono::seconds(0)) != std::future_status::ready && !all_seen()) {
      if (!is_loading(seen)) seen = publish(*backend, events(1))[0].error;
      if (!is_loading(opening)) opening = error_of([&] { world.backend("c2")->open(Role::consumer, {}); });
    }
    reload.get();
  }
  REQUIRE(is_loading(seen));
  CHECK(seen->code() == ErrorCode::unavailable);
  CHECK(holds(*seen, "try again soon"));
  REQUIRE(is_loading(opening));
  CHECK(opening->code() == ErrorCode::unavailable);
  CHECK(publish(*backend, events(1))[0].status == AppendStatus::written);
}

TEST_CASE("a replica without its master says so") {
  RedisServer server;
  World world(server);
  auto backend = world.publisher();
  world.redis("CONFIG", "SET", "replica-serve-stale-data", "no");
  world.redis("REPLICAOF", "127.0.0.1", "1");
  Error error = error_of([&] { backend->inspection()->stream_info(); });
  CHECK(error.code() == ErrorCode::unavailable);
  CHECK(holds(error, "MASTERDOWN"));
  CHECK(holds(error, "replica"));
}

TEST_CASE("a consumer whose server becomes a replica says so and goes on when it is none any more") {
  RedisServer server;
  World world(server);
  auto backend = world.consumer();
  world.redis("REPLICAOF", "127.0.0.1", "1");
  Error error = error_of([&] { take(*backend, 1, milliseconds(100)); });
  CHECK(error.retryable());
  CHECK(error_of([&] { backend->open(Role::consumer, {}); }).retryable());
  world.redis("REPLICAOF", "NO", "ONE");
  backend->open(Role::consumer, {});
  publish(*backend, events(1));
  CHECK(take(*backend, 1, milliseconds(5000)).size() == 1);
}

TEST_CASE("a password that is set while running is asked for at the next connection, and never told") {
  RedisServer server;
  World world(server);
  auto backend = world.consumer();
  world.redis("CONFIG", "SET", "requirepass", "hunter2");
  redis_streams::Connection admin(
      redis_streams::parse_url("redis://:hunter2@127.0.0.1:" + std::to_string(server.port())), milliseconds(5000),
      milliseconds(5000), "test");
  admin.connect();
  admin.call(redis_streams::make_request("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"), "kill");
  Error error = error_of([&] { backend->open(Role::consumer, {}); });
  CHECK(error.code() == ErrorCode::invalid_config);
  CHECK(holds(error, "NOAUTH"));
  CHECK(holds(error, "put user and password into redis_url"));
  CHECK_FALSE(holds(error, "hunter2"));
  admin.call(redis_streams::make_request("CONFIG", "SET", "requirepass", ""), "unset");
  backend->open(Role::consumer, {});
}

TEST_CASE("a server that takes no more connections says so") {
  RedisServer server;
  World world(server);
  auto backend = world.publisher();
  world.redis("CONFIG", "SET", "maxclients", "1");
  Error error = error_of([&] { world.backend()->open(Role::publisher, {}); });
  CHECK(error.code() == ErrorCode::unavailable);
}

TEST_CASE("a paused server leaves the fate unknown, and is well again afterwards") {
  RedisServer server;
  World world(server);
  world.timeout_ms = 200;
  auto backend = world.publisher();
  world.redis("CLIENT", "PAUSE", "100000", "WRITE");
  auto results = publish(*backend, events(1));
  CHECK(results[0].status == AppendStatus::unknown);
  CHECK(results[0].error->code() == ErrorCode::timed_out);
  world.redis("CLIENT", "UNPAUSE");
  CHECK(publish(*backend, events(1))[0].status == AppendStatus::written);
}

TEST_CASE("either connection may be killed by itself") {
  World world;
  auto backend = world.consumer();
  auto kill = [&](const std::string& use) {
    Reply list = world.redis("CLIENT", "LIST");
    std::string_view text = list.text();
    std::size_t line = text.find(" name=eventbus:g:c1:" + use);
    REQUIRE(line != std::string_view::npos);
    std::size_t begin = text.rfind("id=", line) + 3;
    world.redis("CLIENT", "KILL", "ID", text.substr(begin, text.find(' ', begin) - begin));
  };
  publish(*backend, events(2));
  auto got = take(*backend, 1);
  kill("command");
  CHECK(settle_one(*backend, settlement(got.at(0).token, SettleAction::ack)).status == SettleStatus::done);
  CHECK(take(*backend, 1).size() == 1);
  kill("read");
  CHECK(error_of([&] { take(*backend, 1, milliseconds(1000)); }).retryable());
  backend->open(Role::consumer, {});
  publish(*backend, events(1));
  CHECK(take(*backend, 1, milliseconds(5000)).size() == 1);
}

TEST_CASE("a server that may remove keys is warned about once, and one that may not be asked is not") {
  RedisServer server;
  World world(server);
  auto warnings = [&] {
    std::size_t count = 0;
    for (const std::string& line : world.host.lines) count += line.find("maxmemory-policy") != std::string::npos;
    return count;
  };
  world.consumer("c1");
  CHECK(warnings() == 0);
  world.redis("CONFIG", "SET", "maxmemory-policy", "allkeys-lru");
  auto backend = world.consumer("c2");
  backend->open(Role::consumer, {});
  CHECK(warnings() == 1);
  world.redis("ACL", "SETUSER", "default", "-config");
  world.consumer("c3");
  CHECK(warnings() == 1);
}
