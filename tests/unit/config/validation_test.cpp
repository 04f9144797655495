#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cmath>
#include <eventbus/open_bus.hpp>
#include <limits>

#include "support.hpp"

using namespace eventbus;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

namespace {
std::string why(std::string_view json) {
  Refusal refused = refusal([&] { parse_config(json, "bus.json"); });
  CHECK(refused.code == ErrorCode::invalid_config);
  return refused.text;
}
}  // namespace

TEST_CASE("an unknown key is refused with the key that was meant") {
  CHECK(why(R"({"backnd": "memory"})") == R"(config bus.json: backnd: unknown key; did you mean "backend"?)");
  CHECK(why(R"({"retry": {"inital_ms": 5}})") ==
        R"(config bus.json: retry.inital_ms: unknown key; did you mean "initial_ms"?)");
  CHECK(why(R"({"trim": {"max_lenght": 5}})") ==
        R"(config bus.json: trim.max_lenght: unknown key; did you mean "max_length"?)");
  CHECK(why(R"({"log": {"levle": "info"}})") == R"(config bus.json: log.levle: unknown key; did you mean "level"?)");
}

TEST_CASE("an unknown key that resembles none is refused with all that are allowed") {
  CHECK(why(R"({"retry": {"something_else": 5}})") ==
        "config bus.json: retry.something_else: unknown key; allowed are initial_ms, max_ms, multiplier, jitter");
}

TEST_CASE("a wrong value is refused with what was found and what is allowed") {
  auto [json, expected] = GENERATE(table<std::string, std::string>({
      {R"({"batch_size": -1})", "batch_size: found -1; allowed is an integer from 1 to 100000"},
      {R"({"batch_size": 1.5})", "batch_size: found 1.5; allowed is an integer from 1 to 100000"},
      {R"({"batch_size": 18446744073709551615})",
       "batch_size: found 18446744073709551615; allowed is an integer from 1 to 100000"},
      {R"({"block_ms": "5s"})",
       R"(block_ms: found "5s" (a string); allowed is an integer of milliseconds from 1 to 3600000)"},
      {R"({"concurrency": 0})", "concurrency: found 0; allowed is an integer from 1 to 1024"},
      {R"({"pending_idle_ms": 99})",
       "pending_idle_ms: found 99; allowed is an integer of milliseconds from 100 to 604800000"},
      {R"({"dlq_max_length": -1})", "dlq_max_length: found -1; allowed is an integer from 0"},
      {R"({"backend": 5})", "backend: found 5; allowed is a string that is not empty and holds no control characters"},
      {R"({"stream_prefix": ""})",
       R"(stream_prefix: found "" (a string); allowed is a string that is not empty and holds no control characters)"},
      {R"({"consumer_group": "a\nb"})",
       R"(consumer_group: found "a\nb" (a string); allowed is a string that is not empty and holds no control characters)"},
      {R"({"enable_dlq": "yes"})", R"(enable_dlq: found "yes" (a string); allowed is true or false)"},
      {R"({"retry": {"jitter": 1.5}})", "retry.jitter: found 1.5; allowed is a number from 0.0 to 1.0"},
      {R"({"retry": {"multiplier": 0.5}})", "retry.multiplier: found 0.5; allowed is a number from 1.0 to 100.0"},
      {R"({"retry": 5})", "retry: found 5; allowed is an object"},
      {R"({"plugin_dirs": "plugins"})", R"(plugin_dirs: found "plugins" (a string); allowed is a list of strings)"},
      {R"({"on_unhandled": "dead-letter"})",
       R"(on_unhandled: found "dead-letter" (a string); allowed is one of "ack", "dead_letter", "release"; )"
       R"(did you mean "dead_letter"?)"},
      {R"({"log": {"level": null}})",
       R"(log.level: found null; allowed is one of "trace", "debug", "info", "warn", "error", "off")"},
  }));
  CHECK(why(json) == "config bus.json: " + expected);
}

TEST_CASE("`require` takes the names of capabilities only") {
  std::string text = why(R"({"require": ["durable", "durabel"]})");
  CHECK_THAT(text, ContainsSubstring("config bus.json: require.1: found \"durabel\""));
  CHECK_THAT(text, ContainsSubstring("\"competing_consumers\""));
  CHECK_THAT(text, ContainsSubstring("did you mean \"durable\"?"));
}

TEST_CASE("what contradicts itself is refused") {
  CHECK(why(R"({"max_in_flight": 2, "concurrency": 4})") ==
        "config bus.json: max_in_flight: found 2, which is below concurrency (4); raise it, or lower concurrency");
  CHECK(why(R"({"retry": {"initial_ms": 10, "max_ms": 5}})") ==
        "config bus.json: retry.max_ms: found 5, which is below retry.initial_ms (10); raise it, or lower "
        "retry.initial_ms");
  CHECK(why(R"({"trim": {"max_length": 10, "hard_max_length": 5}})") ==
        "config bus.json: trim.hard_max_length: found 5, which is below trim.max_length (10); raise it, or set it to 0 "
        "(off)");
  CHECK(why(R"({"on_unhandled": "dead_letter", "enable_dlq": false})") ==
        "config bus.json: on_unhandled: found \"dead_letter\", but enable_dlq is false; enable it, or choose another");
  CHECK_NOTHROW(parse_config(R"({"trim": {"max_length": 10, "hard_max_length": 0}})"));
}

TEST_CASE("all that is wrong is told at once") {
  std::string text = why(R"({"backnd": "x", "batch_size": -1, "retry": {"jitter": 2, "max": 1}})");
  CHECK(std::count(text.begin(), text.end(), '\n') == 3);
  for (const char* part : {"backnd: ", "batch_size: ", "retry.jitter: ", "retry.max: "}) {
    CHECK_THAT(text, ContainsSubstring(part));
  }
}

TEST_CASE("a struct is checked as a file is") {
  auto why_of = [](auto change) {
    BusConfig config;
    change(config);
    return refusal([&] { open_bus(config); }).text;
  };
  CHECK(why_of([](BusConfig& c) { c.batch_size = 0; }) ==
        "config: batch_size: found 0; allowed is an integer from 1 to 100000");
  CHECK_THAT(why_of([](BusConfig& c) { c.block = 0ms; }), ContainsSubstring("block_ms: found 0"));
  CHECK_THAT(why_of([](BusConfig& c) { c.max_payload_bytes = std::numeric_limits<std::uint64_t>::max(); }),
             ContainsSubstring("max_payload_bytes: found 18446744073709551615"));
  CHECK_THAT(why_of([](BusConfig& c) { c.retry.jitter = std::nan(""); }), ContainsSubstring("retry.jitter: found"));
  CHECK_THAT(why_of([](BusConfig& c) { c.log_level = "loud"; }), ContainsSubstring("log.level: found \"loud\""));
  CHECK_THAT(why_of([](BusConfig& c) { c.on_retry = static_cast<OnRetry>(9); }), ContainsSubstring("on_retry: found"));
  CHECK_THAT(why_of([](BusConfig& c) { c.consumer_name = ""; }), ContainsSubstring("consumer_name: found \"\""));
  CHECK_THAT(why_of([](BusConfig& c) { c.retry.max = 1ms; }),
             ContainsSubstring("retry.max_ms: found 1, which is below"));
  CHECK_THAT(why_of([](BusConfig& c) { c.backends["memory"] = "no JSON"; }),
             ContainsSubstring("backends.memory: found (secret); allowed is an object"));
}
