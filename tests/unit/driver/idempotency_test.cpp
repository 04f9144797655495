// What handlers are done with, as the stream keeps it.
#include <catch2/catch_test_macros.hpp>

#include "../typed/store_contract.hpp"
#include "calls.hpp"
#include "driver.hpp"

namespace eventbus::driver_tests {
namespace {

using namespace under_test;
using Claim = IdempotencyStore::Claim;

TEST_CASE("the stream's keys keep the contract of an idempotency store") {
  Fixture fixture;
  Driver driver = fixture.publisher();
  IdempotencyStore* store = driver.backend->idempotency_store();
  REQUIRE(store);
  typed_test::check_store(*store, [&](auto condition) {
    fixture.host.pass(milliseconds(50));
    return condition();
  });
}

TEST_CASE("every backend on the stream sees its keys") {
  Fixture fixture;
  Driver one = fixture.consumer("g", "one");
  Driver two = fixture.consumer("other", "two");
  CHECK(one.backend->idempotency_store()->begin("k", "one", milliseconds(1000)) == Claim::fresh);
  CHECK(two.backend->idempotency_store()->begin("k", "two", milliseconds(1000)) == Claim::busy);
  one.backend->idempotency_store()->finish("k", milliseconds(1000));
  CHECK(two.backend->idempotency_store()->begin("k", "two", milliseconds(1000)) == Claim::done);
}

TEST_CASE("the keys of a backend that is not open are refused") {
  Fixture fixture;
  Driver driver = fixture.publisher();
  driver.backend->close();
  IdempotencyStore& store = *driver.backend->idempotency_store();
  CHECK(code_of([&] { store.begin("k", "one", milliseconds(1)); }) == ErrorCode::closed);
  CHECK(code_of([&] { store.finish("k", milliseconds(1)); }) == ErrorCode::closed);
  CHECK(code_of([&] { store.cancel("k", "one"); }) == ErrorCode::closed);
}

}  // namespace
}  // namespace eventbus::driver_tests
