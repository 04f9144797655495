#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "config/schema.hpp"
#include "support.hpp"

using namespace eventbus;
using Catch::Matchers::ContainsSubstring;
using host::Json;

namespace {

constexpr char schema[] = R"({"type": "object", "properties": {
  "url": {"type": "string", "default": "tcp://localhost", "pattern": "^tcp://", "x-env": "CONFIG_TEST_URL",
          "x-secret": true, "description": "where"},
  "size": {"type": "integer", "minimum": 1, "maximum": 9, "default": 5, "x-env": "CONFIG_TEST_SIZE"},
  "share": {"type": "number", "minimum": 0, "maximum": 1},
  "fast": {"type": "boolean"},
  "mode": {"type": "string", "enum": ["one", "two"]},
  "level": {"type": "integer", "enum": [1, 2, 4]},
  "name": {"type": "string", "pattern": "^[a-z]+$"}}})";

std::string apply(const std::string& section, const std::vector<std::string>& pinned = {}) {
  return host::apply_schema(schema, Json::parse(section), {"bus.json", "backends.mine"}, pinned);
}
std::string why(const std::string& section) {
  Refusal refused = refusal([&] { apply(section); });
  CHECK(refused.code == ErrorCode::invalid_config);
  return refused.text;
}

}  // namespace

TEST_CASE("a section gets its defaults and keeps what it has") {
  CHECK(apply("{}") == R"({"url":"tcp://localhost","size":5})");
  CHECK(apply(R"({"size": 9, "share": 0.5, "fast": true, "mode": "two", "level": 4, "name": "x"})") ==
        R"({"size":9,"share":0.5,"fast":true,"mode":"two","level":4,"name":"x","url":"tcp://localhost"})");
}

TEST_CASE("a section's value is refused with what was found and what is allowed") {
  const std::string at = "config bus.json: backends.mine.";
  CHECK(why(R"({"size": 10})") == at + "size: found 10; allowed is an integer from 1 to 9");
  CHECK(why(R"({"share": "x"})") == at + R"(share: found "x" (a string); allowed is a number from 0.0 to 1.0)");
  CHECK(why(R"({"fast": 1})") == at + "fast: found 1; allowed is true or false");
  CHECK(why(R"({"mode": "too"})") ==
        at + R"(mode: found "too" (a string); allowed is one of "one", "two"; did you mean "two"?)");
  CHECK(why(R"({"level": 3})") == at + "level: found 3; allowed is one of [1,2,4]");
  CHECK(why(R"({"name": "X"})") == at + R"(name: found "X" (a string); allowed is a string that matches ^[a-z]+$)");
  CHECK(why(R"({"sise": 1})") == at + R"(sise: unknown key; did you mean "size"?)");
}

TEST_CASE("all that is wrong in a section is told at once") {
  std::string text = why(R"({"sise": 1, "fast": 1})");
  CHECK_THAT(text, ContainsSubstring("sise") && ContainsSubstring("fast"));
}

TEST_CASE("a schema names the variable of a key") {
  Variable size("CONFIG_TEST_SIZE", "7");
  Variable url("CONFIG_TEST_URL", "tcp://there");
  CHECK(apply(R"({"size": 3})") == R"({"size":7,"url":"tcp://there"})");
  CHECK(apply(R"({"size": 3})", {"backends.mine.size"}) == R"({"size":3,"url":"tcp://there"})");
}

TEST_CASE("a bad value in a schema's variable is refused with the variable") {
  Variable size("CONFIG_TEST_SIZE", "large");
  CHECK(why("{}") ==
        R"(config environment: CONFIG_TEST_SIZE: found "large" (a string); allowed is an integer from 1 to 9)");
}

TEST_CASE("the value of a secret key is never shown") {
  CHECK(why(R"({"url": "http://user:hunter2@host"})") ==
        "config bus.json: backends.mine.url: found (secret); allowed is a string that matches ^tcp://");
  CHECK_THAT(why(R"({"url": 5150})"), ContainsSubstring("(secret)") && !ContainsSubstring("5150"));
  Variable url("CONFIG_TEST_URL", "http://user:hunter2@host");
  CHECK(why("{}") == "config environment: CONFIG_TEST_URL: found (secret); allowed is a string that matches ^tcp://");
}

TEST_CASE("without a schema the section is the backend's own business") {
  CHECK(host::apply_schema("", Json::parse(R"({"any": [1]})"), {"bus.json", "backends.mine"}) == R"({"any":[1]})");
}

TEST_CASE("a schema that can't be used rejects the plugin") {
  for (const char* broken :
       {"{", R"({"properties": {"a": {"type": "string", "pattern": "("}}})", R"({"properties": {"a": {"type": 5}}})"}) {
    INFO(broken);
    Refusal refused = refusal([&] {
      host::apply_schema(broken, Json::parse(R"({"a": "x"})"), {"bus.json", "backends.mine"});
    });
    CHECK(refused.code == ErrorCode::plugin_rejected);
    CHECK_THAT(refused.text, ContainsSubstring("backends.mine: the schema"));
  }
}
