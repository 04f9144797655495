// The section of the configuration, and what the backend promises.
#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include "driver.hpp"
#include "options.hpp"

namespace eventbus::memory::test {

TEST_CASE("an empty section gives the defaults that the schema names") {
  Options options = parse_options("{}");
  auto keys = nlohmann::json::parse(config_schema())["properties"];
  CHECK(options.broker == keys["broker"]["default"]);
  CHECK(options.max_events == keys["max_events"]["default"]);
  CHECK(options.history == keys["history"]["default"]);
  CHECK((options.inline_dispatch ? "inline" : "background") == keys["dispatch"]["default"]);
  for (const auto& key : keys) CHECK(key.contains("description"));
}

TEST_CASE("what the schema does not allow is refused, naming the key") {
  auto message_of = [](const char* section) -> std::string {
    try {
      parse_options(section);
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::invalid_config);
      return error.what();
    }
    return "";
  };
  CHECK(message_of(R"({"max_events": 0})").find("backends.memory.max_events") != std::string::npos);
  CHECK(message_of(R"({"max_events": -1})").find("backends.memory.max_events") != std::string::npos);
  CHECK(message_of(R"({"max_events": "many"})").find("found \"many\"") != std::string::npos);
  CHECK(message_of(R"({"dispatch": "sideways"})").find("\"background\" or \"inline\"") != std::string::npos);
  CHECK(message_of(R"({"history": 1})").find("backends.memory.history") != std::string::npos);
  CHECK(message_of(R"({"broker": ""})").find("backends.memory.broker") != std::string::npos);
  CHECK(message_of(R"({"brokr": "a"})").find("unknown key") != std::string::npos);
  CHECK(message_of("[]").find("not a JSON object") != std::string::npos);
  CHECK(message_of("{").find("not a JSON object") != std::string::npos);
}

TEST_CASE("the backend promises order and competing consumers, nothing durable") {
  Fixture fixture;
  Driver driver(fixture.settings("g", "c"), fixture.host);
  Capabilities promised = driver.backend->capabilities();
  CHECK(promised.competing_consumers);
  CHECK(promised.ordered);
  CHECK_FALSE(promised.durable);
  CHECK_FALSE(promised.cross_process);
  CHECK_FALSE(promised.inline_dispatch);
}

}  // namespace eventbus::memory::test
