#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <eventbus/config.hpp>

#include "support.hpp"

using namespace eventbus;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

namespace {
std::string why(std::string_view json) {
  return refusal([&] { parse_config(json, "bus.json"); }).text;
}
}  // namespace

TEST_CASE("an empty configuration is the defaults") {
  BusConfig config = parse_config("{}");
  CHECK(config.backend == "memory");
  CHECK(config.stream_name() == "events:stream");
  CHECK(config.dead_letter_stream_name() == "events:stream_dlq");
  CHECK(config.batch_size == 100);
  CHECK(config.block == 5000ms);
  CHECK(config.log_level == "info");
  CHECK_FALSE(config.consumer_name);
  CHECK(config.start_from.kind == StartFrom::Kind::earliest);
}

TEST_CASE("every key is read, and comments are allowed") {
  BusConfig config = parse_config(R"({
    // one line differs between deployments
    "backend": "redis-streams", "plugin_dirs": ["a", "b"],
    "stream_prefix": "{orders}", "consumer_group": "projections", "consumer_name": "one",
    "start_from": "latest", "batch_size": 7, "block_ms": 8, "max_in_flight": 9, "max_parked": 10, "concurrency": 4,
    "on_unhandled": "release", "on_retry": "skip", "max_handling_ms": 11, "max_retries": 0,
    "retry": {"initial_ms": 1, "max_ms": 2, "multiplier": 3, "jitter": 0.5},
    "enable_dlq": false, "dlq_stream_suffix": ":dead", "dlq_max_length": 12,
    "pending_idle_ms": 1300, "recovery_interval_ms": 1400, "connect_retry_ms": 15, "shutdown_timeout_ms": 16,
    "max_payload_bytes": 17, "max_background": 18,
    "trim": {"max_length": 19, "max_age_ms": 20, "hard_max_length": 21},
    "enable_tracing": false, "log": {"level": "error"}, "require": ["durable", "history"],
    "backends": {"memory": {"broker": "x"}, "of-a-third-party": {"anything": [1]}} /* stays */
  })");
  CHECK(config.backend == "redis-streams");
  CHECK(config.plugin_dirs == std::vector<std::string>{"a", "b"});
  CHECK(config.stream_name() == "{orders}:stream");
  CHECK(config.dead_letter_stream_name() == "{orders}:stream:dead");
  CHECK(config.consumer_group == "projections");
  CHECK(config.consumer_name == "one");
  CHECK(config.start_from.kind == StartFrom::Kind::latest);
  CHECK(config.batch_size == 7);
  CHECK(config.block == 8ms);
  CHECK(config.max_in_flight == 9);
  CHECK(config.max_parked == 10);
  CHECK(config.concurrency == 4);
  CHECK(config.on_unhandled == OnUnhandled::release);
  CHECK(config.on_retry == OnRetry::skip);
  CHECK(config.max_handling == 11ms);
  CHECK(config.max_retries == 0);
  CHECK(config.retry.initial == 1ms);
  CHECK(config.retry.max == 2ms);
  CHECK(config.retry.multiplier == 3.0);
  CHECK(config.retry.jitter == 0.5);
  CHECK_FALSE(config.enable_dlq);
  CHECK(config.dlq_max_length == 12);
  CHECK(config.pending_idle == 1300ms);
  CHECK(config.recovery_interval == 1400ms);
  CHECK(config.connect_retry == 15ms);
  CHECK(config.shutdown_timeout == 16ms);
  CHECK(config.max_payload_bytes == 17);
  CHECK(config.max_background == 18);
  CHECK(config.trim.max_length == 19);
  CHECK(config.trim.max_age == 20ms);
  CHECK(config.trim.hard_max_length == 21);
  CHECK_FALSE(config.enable_tracing);
  CHECK(config.log_level == "error");
  CHECK(config.require == std::vector<std::string>{"durable", "history"});
  CHECK(config.backends.at("of-a-third-party") == R"({"anything":[1]})");
}

TEST_CASE("a consumer name may be null") { CHECK_FALSE(parse_config(R"({"consumer_name": null})").consumer_name); }

TEST_CASE("a group starts at a position or at a time") {
  StartFrom position = parse_config(R"({"start_from": {"position": "5-7"}})").start_from;
  CHECK(position.kind == StartFrom::Kind::position);
  CHECK(position.position == *parse_position("5-7"));
  StartFrom time = parse_config(R"({"start_from": {"time": "1970-01-01T00:00:02.5Z"}})").start_from;
  CHECK(time.kind == StartFrom::Kind::time);
  CHECK(time.time.time_since_epoch() == 2500ms);

  CHECK(why(R"({"start_from": "now"})") ==
        "config bus.json: start_from: found \"now\" (a string); allowed is \"earliest\", \"latest\", {\"position\": "
        "\"5-0\"} or {\"time\": \"2026-11-23T00:00:00Z\"}");
  CHECK_THAT(why(R"({"start_from": {"time": "yesterday"}})"),
             ContainsSubstring("start_from.time: found \"yesterday\""));
  CHECK_THAT(why(R"({"start_from": {"position": "x"}})"), ContainsSubstring("start_from.position: found \"x\""));
  CHECK_THAT(why(R"({"start_from": {"position": "5-0", "time": "x"}})"),
             ContainsSubstring("start_from: found an object"));
}

TEST_CASE("text that is no JSON is refused with its line and column") {
  CHECK(
      why("{\n  \"backend\": \"memory\"\n  \"batch_size\": 5\n}") ==
      "config bus.json: line 3, column 14: not valid JSON (comments are allowed); check for a missing comma, quote or "
      "brace here");
  CHECK_THAT(why("{\"a\": 1"), ContainsSubstring("the text ends too early"));
  CHECK_THAT(why(""), ContainsSubstring("config bus.json: line 1, column 1: not valid JSON"));
  CHECK_THAT(why("{\"batch_size\": 1e999}"), ContainsSubstring("a number that is too large"));
  CHECK(why("[]") == "config bus.json: found a list; allowed is an object, {...}");
  CHECK_THAT(why(std::string(10000, '[')), ContainsSubstring("nested deeper"));
}

TEST_CASE("a key that is there twice is refused") {
  CHECK(why(R"({"batch_size": 1, "batch_size": 2})") ==
        "config bus.json: batch_size: the key is there twice; keep one");
  CHECK(why(R"({"backends": {"memory": {"broker": "a", "broker": "b"}}})") ==
        "config bus.json: backends.memory.broker: the key is there twice; keep one");
  CHECK_NOTHROW(parse_config(R"({"backends": {"one": {"a": 1}, "two": {"a": 1}}})"));
}

TEST_CASE("a file is named by its name, and its plugin folders are relative to it") {
  Folder folder;
  auto file = folder.write("bus.json", R"({"plugin_dirs": ["plugins", "/usr/lib/x"]})");
  BusConfig config = load_config(file);
  CHECK(config.plugin_dirs == std::vector<std::string>{(folder.path() / "plugins").string(), "/usr/lib/x"});
  CHECK(config.origin == "bus.json");
  CHECK(load_config(file, {{"plugin_dirs", R"(["here"])"}}).plugin_dirs == std::vector<std::string>{"here"});

  auto broken = folder.write("bus.json", R"({"batch_size": -1})");
  CHECK_THAT(refusal([&] { load_config(broken); }).text, ContainsSubstring("config bus.json: batch_size: found -1"));
}

TEST_CASE("a file that can't be read is refused with the cause") {
  Folder folder;
  std::string absent = (folder.path() / "absent.json").string();
  Refusal refused = refusal([&] { load_config(absent); });
  CHECK(refused.code == ErrorCode::invalid_config);
  CHECK(refused.text ==
        "config " + absent + ": cannot read it: No such file or directory; give a readable file of JSON");
  CHECK_THAT(refusal([&] { load_config(folder.path()); }).text, ContainsSubstring("it is a directory"));
}
