#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <eventbus/config.hpp>

#include "support.hpp"

using namespace eventbus;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("an override wins over the environment, and that over the file") {
  Variable batch("EVENTBUS_BATCH_SIZE", "7");
  Variable group("EVENTBUS_CONSUMER_GROUP", "from the environment");
  BusConfig config =
      parse_config(R"({"batch_size": 5, "consumer_group": "from the file"})", "bus.json", {{"batch_size", "9"}});
  CHECK(config.batch_size == 9);
  CHECK(config.consumer_group == "from the environment");
}

TEST_CASE("an override reaches below with a dotted path and leaves the neighbours alone") {
  BusConfig config = parse_config(R"({"retry": {"initial_ms": 5, "max_ms": 50},
                                      "backends": {"redis-streams": {"redis_url": "a", "wire_format": "eventbus"}}})",
                                  "bus.json",
                                  {{"retry.max_ms", "70"},
                                   {"log.level", "off"},
                                   {"backends.redis-streams.redis_url", "redis://h"},
                                   {"backends.memory.max_events", "10"},
                                   {"backends./x/libmine.so.key", "value"}});
  CHECK(config.retry.initial == 5ms);
  CHECK(config.retry.max == 70ms);
  CHECK(config.log_level == "off");
  CHECK(config.backends.at("redis-streams") == R"({"wire_format":"eventbus","redis_url":"redis://h"})");
  CHECK(config.backends.at("memory") == R"({"max_events":10})");
  CHECK(config.backends.at("/x/libmine.so") == R"({"key":"value"})");
}

TEST_CASE("an override of a text key stays text") {
  BusConfig config = parse_config("{}", "bus.json", {{"consumer_group", "42"}, {"consumer_name", "null"}});
  CHECK(config.consumer_group == "42");
  CHECK_FALSE(config.consumer_name);
}

TEST_CASE("the last of two overrides of one key wins") {
  CHECK(parse_config("{}", "bus.json", {{"batch_size", "1"}, {"batch_size", "2"}}).batch_size == 2);
}

TEST_CASE("an override that is wrong is refused as an override") {
  auto why = [](const ConfigOverrides& overrides) {
    return refusal([&] { parse_config("{}", "bus.json", overrides); }).text;
  };
  CHECK(why({{"batchsize", "1"}}) == R"(config override: batchsize: unknown key; did you mean "batch_size"?)");
  CHECK_THAT(why({{"batch_size", "0"}}), ContainsSubstring("config override: batch_size: found 0"));
  CHECK_THAT(why({{"retry.jitter", "high"}}), ContainsSubstring("config override: retry.jitter: found \"high\""));
  CHECK_THAT(why({{"", "x"}}), ContainsSubstring("a key is empty"));
}
