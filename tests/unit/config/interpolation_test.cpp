#include <catch2/catch_test_macros.hpp>
#include <eventbus/config.hpp>

#include "support.hpp"

using namespace eventbus;

namespace {
std::string prefix_from(const std::string& text) {
  return parse_config(R"({"stream_prefix": ")" + text + R"("})").stream_prefix;
}
std::string why(const std::string& text) {
  return refusal([&] { parse_config(R"({"stream_prefix": ")" + text + R"("})", "bus.json"); }).text;
}
}  // namespace

TEST_CASE("a variable's value takes the place of its name") {
  Variable name("CONFIG_TEST_NAME", "orders");
  Variable absent("CONFIG_TEST_ABSENT", nullptr);
  Variable empty("CONFIG_TEST_EMPTY", "");
  CHECK(prefix_from("${CONFIG_TEST_NAME}") == "orders");
  CHECK(prefix_from("a-${CONFIG_TEST_NAME}-${CONFIG_TEST_NAME}-b") == "a-orders-orders-b");
  CHECK(prefix_from("${CONFIG_TEST_NAME:-other}") == "orders");
  CHECK(prefix_from("${CONFIG_TEST_ABSENT:-other}") == "other");
  CHECK(prefix_from("${CONFIG_TEST_EMPTY:-other}") == "other");
  CHECK(prefix_from("x${CONFIG_TEST_ABSENT:-}") == "x");
  CHECK(prefix_from("x${CONFIG_TEST_EMPTY}") == "x");
}

TEST_CASE("$${ is a plain ${, and a lone $ is itself") {
  Variable name("CONFIG_TEST_NAME", "orders");
  CHECK(prefix_from("a$${CONFIG_TEST_NAME}") == "a${CONFIG_TEST_NAME}");
  CHECK(prefix_from("$${x}${CONFIG_TEST_NAME}") == "${x}orders");
  CHECK(prefix_from("5$ $x {y}") == "5$ $x {y}");
}

TEST_CASE("a value is inserted after parsing, so that it can't change the structure") {
  Variable name("CONFIG_TEST_NAME", R"(", "batch_size": 1, "x": "${HOME})");
  CHECK(prefix_from("${CONFIG_TEST_NAME}") == R"(", "batch_size": 1, "x": "${HOME})");
}

TEST_CASE("a variable that is not set is refused with the key and its name") {
  Variable absent("CONFIG_TEST_ABSENT", nullptr);
  CHECK(why("${CONFIG_TEST_ABSENT}") ==
        "config bus.json: stream_prefix: the environment variable CONFIG_TEST_ABSENT is not set; set it, or write "
        "${CONFIG_TEST_ABSENT:-default}");
  CHECK(why("${OPEN") ==
        R"(config bus.json: stream_prefix: "${" has no "}"; close it, or write "$${" for a plain "${")");
  CHECK(why("${not a name}") ==
        R"(config bus.json: stream_prefix: "${" is not followed by a variable's name; write ${NAME}, or "$${" for a )"
        R"(plain "${")");
}

TEST_CASE("a value that is not UTF-8 is refused") {
  Variable name("CONFIG_TEST_NAME", "\xFF\xFE");
  CHECK(why("${CONFIG_TEST_NAME}") ==
        "config bus.json: stream_prefix: found bytes that are not UTF-8; allowed is UTF-8 text");
}

TEST_CASE("only the chosen backend's section needs its variables") {
  Variable backend("EVENTBUS_BACKEND", nullptr);
  Variable absent("CONFIG_TEST_ABSENT", nullptr);
  Variable name("CONFIG_TEST_NAME", "there");
  const std::string json = R"({"backends": {"memory": {"broker": "${CONFIG_TEST_NAME}"},
    "redis-streams": {"redis_url": "redis://:${CONFIG_TEST_ABSENT}@h", "wire_format": "${CONFIG_TEST_NAME}"}}})";
  BusConfig config = parse_config(json);
  CHECK(config.backends["memory"] == R"({"broker":"there"})");
  CHECK(config.backends["redis-streams"] ==
        R"({"redis_url":"redis://:${CONFIG_TEST_ABSENT}@h","wire_format":"there"})");
  const std::string expected =
      "config: backends.redis-streams.redis_url: the environment variable CONFIG_TEST_ABSENT is not set; set it, or "
      "write ${CONFIG_TEST_ABSENT:-default}";
  CHECK(refusal([&] { parse_config(json, "config", {{"backend", "redis-streams"}}); }).text == expected);
  CHECK(refusal([&] { parse_config(json, "config", {{"backend", "./libany.so"}}); }).text == expected);
  CHECK_NOTHROW(parse_config(json, "config",
                             {{"backend", "redis-streams"}, {"backends.redis-streams.redis_url", "redis://other"}}));
}
