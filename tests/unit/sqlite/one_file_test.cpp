// One file, and who makes it.
#include <catch2/catch_test_macros.hpp>

#include "driver.hpp"

namespace eventbus::sqlite::test {

TEST_CASE("an inspector makes no file") {
  Fixture fixture;
  Driver inspector(fixture.settings("g", "c"), fixture.host);
  CHECK(error_of([&] { inspector.backend->open(Role::inspector, {}); }).code() == ErrorCode::unavailable);
  CHECK_FALSE(std::filesystem::exists(fixture.file));
  fixture.publisher();
  CHECK_NOTHROW(inspector.backend->open(Role::inspector, {}));
  CHECK_FALSE(inspector.info().exists);
}

}  // namespace eventbus::sqlite::test
