// A consumer name that is lost under its holder.
#include <catch2/catch_test_macros.hpp>

#include "../driver/calls.hpp"
#include "driver.hpp"

namespace eventbus::sqlite::test {
using driver_tests::code_of;

TEST_CASE("who lost its name, with the file of names, is told so") {
  Fixture fixture;
  Driver holder = fixture.consumer("g", "c");
  holder.publish("a");
  Token token = holder.receive().at(0).token;
  std::filesystem::remove(fixture.file + "-names");
  Driver second = fixture.consumer("g", "c");
  CHECK(code_of([&] { holder.renew(token); }) == ErrorCode::conflict);
  CHECK(holder.ack(token, true) == SettleStatus::failed);
  CHECK(second.renew(token) == HoldStatus::mine);
}

}  // namespace eventbus::sqlite::test
