// Inline dispatch: what a backend tells itself and others of its appends.
#include <catch2/catch_test_macros.hpp>

#include "../driver/calls.hpp"
#include "driver.hpp"

namespace eventbus::memory::test {
using driver_tests::ended;
using driver_tests::long_wait;
using driver_tests::started;

TEST_CASE("an inline backend's own append ends the waits of others, not its own with max 0") {
  Fixture fixture;
  Driver own = fixture.consumer("g", "own", R"("dispatch": "inline")");
  Driver other = fixture.consumer("h", "other");
  CHECK(own.backend->capabilities().inline_dispatch);
  auto waiting = started([&] { return own.receive(0, 100ms); });
  // Another consumer's wait shows that the append was told to those who wait.
  auto told = started([&] { return other.receive(1, long_wait); });
  own.publish("a");
  REQUIRE(ended(told));
  CHECK(types_of(own.receive(10)) == Types{"a"});
  REQUIRE(ended(waiting));
  auto woken = started([&] { return own.receive(0, long_wait); });
  other.publish("b");
  REQUIRE(ended(woken));
}

}  // namespace eventbus::memory::test
