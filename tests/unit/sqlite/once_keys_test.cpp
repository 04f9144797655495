// The keys of once() in the file.
#include <sqlite3.h>

#include <catch2/catch_test_macros.hpp>

#include "driver.hpp"

namespace eventbus::sqlite::test {
namespace {

using Claim = IdempotencyStore::Claim;

// The first column of the first row, with a connection of the test's own.
std::int64_t ask(const std::string& file, const char* sql) {
  sqlite3* handle = nullptr;
  REQUIRE(sqlite3_open(file.c_str(), &handle) == SQLITE_OK);
  std::int64_t answer = -1;
  auto keep = [](void* to, int, char** values, char**) {
    *static_cast<std::int64_t*>(to) = std::stoll(values[0]);
    return 0;
  };
  const int code = sqlite3_exec(handle, sql, keep, &answer, nullptr);
  sqlite3_close(handle);
  REQUIRE(code == SQLITE_OK);
  return answer;
}

TEST_CASE("what handlers are done with outlives every process") {
  Fixture fixture;
  fixture.publisher().backend->idempotency_store()->finish("k", 24h);
  fixture.host.pass(1h);
  CHECK(fixture.publisher().backend->idempotency_store()->begin("k", "one", 1s) == Claim::done);
}

TEST_CASE("a file of the first schema version gets what it lacks, but not from who looks on") {
  Fixture fixture;
  fixture.publisher().publish("a");
  ask(fixture.file, "DROP TABLE once; PRAGMA user_version = 1");
  Driver driver = fixture.make(fixture.settings("none", "none"), Role::inspector);
  CHECK(driver.info().length == 1);
  CHECK(ask(fixture.file, "PRAGMA user_version") == 1);  // older plugins may be at work with it
  driver.backend->open(Role::publisher, {});
  CHECK(driver.backend->idempotency_store()->begin("k", "one", 1s) == Claim::fresh);
  CHECK(driver.history() == Types{"a"});
  CHECK(ask(fixture.file, "PRAGMA user_version") == 2);
}

TEST_CASE("keys whose time is over leave the file as others come") {
  Fixture fixture;
  Driver driver = fixture.publisher();
  IdempotencyStore& store = *driver.backend->idempotency_store();
  for (int i = 0; i < 150; ++i) store.finish("old " + std::to_string(i), 1ms);
  fixture.host.pass(1s);
  CHECK(store.begin("new one", "one", 1h) == Claim::fresh);
  CHECK(store.begin("new two", "one", 1h) == Claim::fresh);
  CHECK(ask(fixture.file, "SELECT count(*) FROM once") == 2);
}

}  // namespace
}  // namespace eventbus::sqlite::test
