// The section `backends.sqlite`.
#include <catch2/catch_test_macros.hpp>
#include <filesystem>

#include "driver.hpp"

namespace eventbus::sqlite::test {

TEST_CASE("an empty section has its defaults, and the path is absolute") {
  Options options = parse_options("{}");
  CHECK(options.path == (std::filesystem::current_path() / "eventbus.db").string());
  CHECK(options.synchronous == "normal");
  CHECK(options.busy_timeout == 5s);
}

TEST_CASE("what is wrong in the section is refused with the key, what was found and what is allowed") {
  for (const char* json : {R"({"path": 5})", R"({"path": ""})", R"({"path": ":memory:"})", R"({"path": "file:x"})",
                           R"({"synchronous": "often"})", R"({"busy_timeout_ms": 0})", R"({"busy_timeout_ms": 1.5})",
                           R"({"pathe": "x"})", "[]", "{"}) {
    INFO(json);
    CHECK(error_of([&] { parse_options(json); }).code() == ErrorCode::invalid_config);
  }
  CHECK(std::string(error_of([] { parse_options(R"({"synchronous": "often"})"); }).what()) ==
        "sqlite: cannot use backends.sqlite.synchronous: found \"often\"; allowed is \"off\", \"normal\" or \"full\"");
}

}  // namespace eventbus::sqlite::test
