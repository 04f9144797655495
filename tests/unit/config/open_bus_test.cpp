#include <eventbus/open_bus.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "support.hpp"

using namespace eventbus;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;

namespace {
Refusal refused_file(const std::string& json) {
  Folder folder;
  auto file = folder.write("bus.json", json);
  return refusal([&] { open_bus_from_file(file); });
}
}  // namespace

TEST_CASE("a bus opens with nothing configured, and connects to nothing yet") {
  auto bus = open_bus(BusConfig{});
  REQUIRE(bus);
  CHECK_FALSE(bus->is_connected());
  CHECK(open_bus_from_json("{}") != nullptr);
}

TEST_CASE("the chosen backend's section is refused with the file and the key's path") {
  Refusal refused = refused_file(R"({"backends": {"memory": {"brokr": "x"}, "redis-streams": {"redis_ulr": "x"}}})");
  CHECK(refused.code == ErrorCode::invalid_config);
  CHECK(refused.text == R"(config bus.json: backends.memory.brokr: unknown key; did you mean "broker"?)");
  CHECK_THAT(refused_file(R"({"backends": {"memory": {"max_events": 0}}})").text,
             StartsWith("config bus.json: backends.memory.max_events: found 0; allowed is an integer from 1"));
}

TEST_CASE("a section under a misspelt name is refused, not ignored") {
  CHECK(refused_file(R"({"backends": {"memroy": {}, "redis-streams": {}}})").text ==
        "config bus.json: backends.memroy: no backend of this name is in use; did you mean \"memory\"?");
}

TEST_CASE("sections of other backends stay unread") {
  CHECK(open_bus_from_json(R"({"backends": {"redis-streams": {"redis_ulr": 5}, "of-others": {"a": {"b": 1}}}})"));
}

TEST_CASE("a backend that lacks what is required is refused with what it lacks") {
  Refusal refused = refused_file(R"({"require": ["durable", "competing_consumers", "cross_process"]})");
  CHECK(refused.code == ErrorCode::unsupported);
  CHECK(refused.text ==
        "config bus.json: require: backend 'memory' is not durable, does not reach other processes; choose a backend "
        "that does what `require` names, or drop it there");
  CHECK(open_bus_from_json(R"({"require": ["competing_consumers", "ordered"]})"));
}

TEST_CASE("an absent plugin is refused with every path that was tried") {
  Folder folder, other;
  Variable path("EVENTBUS_PLUGIN_PATH", other.path().c_str());
  Variable backend("EVENTBUS_BACKEND", nullptr);
  BusConfig config;
  config.backend = "carrier-pigeon";
  config.plugin_dirs = {folder.path().string()};
  Refusal refused = refusal([&] { open_bus(config); });
  CHECK(refused.code == ErrorCode::not_found);
  CHECK_THAT(refused.text, ContainsSubstring("'carrier-pigeon'"));
  CHECK_THAT(refused.text, ContainsSubstring((folder.path() / "libeventbus_carrier_pigeon.so").string()));
  CHECK_THAT(refused.text, ContainsSubstring((other.path() / "libeventbus_carrier_pigeon.so").string()));
  CHECK_THAT(refused.text, !ContainsSubstring("did you mean"));
}

TEST_CASE("a misspelt backend is refused with the one that was meant") {
  BusConfig config;
  config.backend = "redis-stream";
  CHECK_THAT(refusal([&] { open_bus(config); }).text, ContainsSubstring("did you mean \"redis-streams\"?"));
  config.backend = "memroy";
  CHECK_THAT(refusal([&] { open_bus(config); }).text, ContainsSubstring("did you mean \"memory\"?"));
}

TEST_CASE("whether a backend is available is told with the reason") {
  CHECK(backend_available("memory"));
  BackendAvailability absent = backend_available("carrier-pigeon");
  CHECK_FALSE(absent);
  CHECK_THAT(absent.reason, ContainsSubstring("libeventbus_carrier_pigeon.so"));
  Folder folder;
  BackendAvailability text = backend_available(folder.write("text.so", "no plugin").string());
  CHECK_FALSE(text);
  CHECK_THAT(text.reason, ContainsSubstring("text.so"));
}

#ifdef EVENTBUS_REDIS_STREAMS_PLUGIN
TEST_CASE("a plugin's section is checked against the schema that comes with it") {
  Variable url("EVENTBUS_REDIS_URL", nullptr);
  const std::string plugin = EVENTBUS_REDIS_STREAMS_PLUGIN;
  CHECK(refused_file(R"({"backend": ")" + plugin + R"(", "backends": {"redis-streams": {"redis_ulr": "redis://h"}}})")
            .text == R"(config bus.json: backends.redis-streams.redis_ulr: unknown key; did you mean "redis_url"?)");
  CHECK_THAT(
      refused_file(R"({"backend": ")" + plugin + R"(", "backends": {"redis-streams": {"wire_format": "protobuf"}}})")
          .text,
      ContainsSubstring("backends.redis-streams.wire_format: found \"protobuf\""));
  BusConfig config;
  config.backend = plugin;
  CHECK(open_bus(config) != nullptr);
  CHECK(backend_available(plugin));
}

TEST_CASE("an override of a section wins over the schema's variable") {
  Variable url("EVENTBUS_REDIS_URL", "redis://127.0.0.1:1/0");
  auto open = [](const ConfigOverrides& overrides) {
    ConfigOverrides all = {{"backend", EVENTBUS_REDIS_STREAMS_PLUGIN}, {"log.level", "off"}};
    all.insert(all.end(), overrides.begin(), overrides.end());
    auto bus = open_bus(parse_config("{}", "bus.json", all));
    return refusal([&] { bus->connect(); }).text;
  };
  CHECK_THAT(open({}), ContainsSubstring("127.0.0.1:1:"));
  CHECK_THAT(open({{"backends.redis-streams.redis_url", "redis://127.0.0.1:2/0"}}), ContainsSubstring("127.0.0.1:2:"));
}
#endif
