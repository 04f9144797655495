#include <catch2/catch_test_macros.hpp>

#include "backend_fixture.hpp"

using namespace eventbus;
using namespace eventbus::redis_streams::testing;

namespace {
ErrorCode code_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.code();
  }
  return {};
}
std::string key(const World& world) { return world.prefix + ":name:g:c1"; }
}  // namespace

TEST_CASE("a consumer name is live in one process at a time") {
  World world;
  auto first = world.consumer("c1");
  auto second = world.backend("c1");
  CHECK(code_of([&] { second->open(Role::consumer, {}); }) == ErrorCode::conflict);
  auto other_group = world.consumer("c1", "h");
  first->close();
  CHECK(world.redis("EXISTS", key(world)).integer() == 0);
  second->open(Role::consumer, {});
}

TEST_CASE("a name whose holder's connection is gone is taken over at once") {
  World world;
  world.redis("SET", key(world), "999999999:123", "PX", "60000");
  auto backend = world.consumer("c1");
  CHECK(world.redis("GET", key(world)).text() != "999999999:123");
}

TEST_CASE("a name whose holder's connection id belongs to somebody else now is taken over at once") {
  World world;
  redis_streams::Connection stranger(redis_streams::parse_url(world.server.url()), milliseconds(5000),
                                     milliseconds(5000), "a stranger");
  stranger.connect();
  world.redis("SET", key(world), std::to_string(stranger.client_id()) + ":123", "PX", "60000");
  auto backend = world.consumer("c1");
}

TEST_CASE("where connections can't be looked up a starter waits until the lease has ended") {
  World world;
  world.redis("SET", key(world), "no id:123", "PX", "300");
  auto backend = world.consumer("c1");
  CHECK(world.redis("GET", key(world)).text() != "no id:123");
}

TEST_CASE("a renewal keeps the name, takes an expired one again, and tells when another has it") {
  World world;
  auto backend = world.consumer("c1");
  world.redis("PEXPIRE", key(world), "100");
  backend->renew({}, {});
  CHECK(world.redis("PTTL", key(world)).integer() > 500);
  world.redis("DEL", key(world));
  backend->renew({}, {});
  CHECK(world.redis("EXISTS", key(world)).integer() == 1);
  world.redis("SET", key(world), "999999999:123", "PX", "60000");
  CHECK(code_of([&] { backend->renew({}, {}); }) == ErrorCode::conflict);
  backend->close();
  CHECK(world.redis("GET", key(world)).text() == "999999999:123");  // not ours to free
}

TEST_CASE("a holder that lost its connection keeps its name") {
  World world;
  auto backend = world.consumer("c1");
  std::string before(world.redis("GET", key(world)).text());
  world.redis("CLIENT", "KILL", "ID", before.substr(0, before.find(':')));
  publish(*backend, events(1));  // any call restores the connection, and with it the name
  CHECK(world.redis("GET", key(world)).text() != before);
  auto second = world.backend("c1");
  CHECK(code_of([&] { second->open(Role::consumer, {}); }) == ErrorCode::conflict);
}

TEST_CASE("names may hold spaces and other signs") {
  World world;
  auto backend = world.consumer("consumer one\xc3\xbc", "a group");
  publish(*backend, events(1));
  CHECK(take(*backend, 1).size() == 1);
  auto second = world.backend("consumer one\xc3\xbc", "a group");
  CHECK(code_of([&] { second->open(Role::consumer, {}); }) == ErrorCode::conflict);
}
