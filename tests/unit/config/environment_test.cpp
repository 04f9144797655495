#include <catch2/catch_test_macros.hpp>
#include <eventbus/open_bus.hpp>

#include "support.hpp"

using namespace eventbus;
using namespace std::chrono_literals;

TEST_CASE("a variable sets a top-level key, typed by the key") {
  Variable backend("EVENTBUS_BACKEND", "redis-streams");
  Variable group("EVENTBUS_CONSUMER_GROUP", "42");
  Variable batch("EVENTBUS_BATCH_SIZE", "7");
  Variable block("EVENTBUS_BLOCK_MS", "250");
  Variable dlq("EVENTBUS_ENABLE_DLQ", "false");
  Variable start("EVENTBUS_START_FROM", "latest");
  Variable unhandled("EVENTBUS_ON_UNHANDLED", "release");
  BusConfig config = parse_config(R"({"backend": "memory", "batch_size": 5, "consumer_group": "of the file"})");
  CHECK(config.backend == "redis-streams");
  CHECK(config.consumer_group == "42");
  CHECK(config.batch_size == 7);
  CHECK(config.block == 250ms);
  CHECK_FALSE(config.enable_dlq);
  CHECK(config.start_from.kind == StartFrom::Kind::latest);
  CHECK(config.on_unhandled == OnUnhandled::release);
}

TEST_CASE("a variable may hold a start as JSON") {
  Variable start("EVENTBUS_START_FROM", R"({"position": "5-0"})");
  CHECK(parse_config("{}").start_from.position == *parse_position("5-0"));
}

TEST_CASE("a variable that is empty counts as not set") {
  Variable group("EVENTBUS_CONSUMER_GROUP", "");
  Variable batch("EVENTBUS_BATCH_SIZE", "");
  Variable require("EVENTBUS_REQUIRE", "");
  BusConfig config = parse_config(R"({"batch_size": 5, "consumer_group": "workers", "require": ["durable"]})");
  CHECK(config.consumer_group == "workers");
  CHECK(config.batch_size == 5);
  CHECK(config.require == std::vector<std::string>{"durable"});
}

TEST_CASE("a bad value in the environment is refused with the variable") {
  Variable batch("EVENTBUS_BATCH_SIZE", "many");
  CHECK(refusal([] { parse_config("{}", "bus.json"); }).text ==
        R"(config environment: EVENTBUS_BATCH_SIZE: found "many" (a string); allowed is an integer from 1 to 100000)");
}

TEST_CASE("a control character in the environment is refused with the variable") {
  Variable group("EVENTBUS_CONSUMER_GROUP", "a\tb");
  CHECK(
      refusal([] { parse_config("{}", "bus.json"); }).text ==
      "config environment: EVENTBUS_CONSUMER_GROUP: found \"a\\tb\" (a string); allowed is a string that is not empty "
      "and holds no control characters");
}

TEST_CASE("EVENTBUS_REQUIRE is a list with commas") {
  Variable require("EVENTBUS_REQUIRE", "durable, history,");
  CHECK(parse_config(R"({"require": ["ordered"]})").require == std::vector<std::string>{"durable", "history"});
}

TEST_CASE("EVENTBUS_CONFIG names the file to open a bus from") {
  Folder folder;
  auto file = folder.write("named.json", R"({"batch_size": "x"})");
  Variable config("EVENTBUS_CONFIG", file.c_str());
  CHECK(refusal([] { open_bus_from_environment(); }).text ==
        R"(config named.json: batch_size: found "x" (a string); allowed is an integer from 1 to 100000)");
  Variable none("EVENTBUS_CONFIG", nullptr);
  Variable backend("EVENTBUS_BACKEND", nullptr);
  CHECK(open_bus_from_environment() != nullptr);
}
