#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <eventbus/open_bus.hpp>

#include "support.hpp"

using namespace eventbus;
using Catch::Matchers::ContainsSubstring;

// Each of these puts a password where it does not belong.
TEST_CASE("a password does not get into an error, wherever it was written") {
  for (const char* json : {
           R"({"backend": "redis://user:hunter2@host"})",
           R"({"backends": "redis://user:hunter2@host"})",
           R"({"backends": {"redis-streams": "redis://user:hunter2@host"}})",
           R"({"backends": {"redis-streams": ["redis://user:hunter2@host"]}})",
           R"({"backends": {"memory": {"redis_url": "redis://user:hunter2@host"}}})",
           R"({"redis_url": "redis://user:hunter2@host"})",
           R"({"backend": "redis-streams", "backends": {"redis-streams": {"redis_url": "redis://u:${hunter2 @h"}}})",
           R"({"backend": "redis-streams", "backends": {"redis-streams": {"redis_url": "redis://u:${hunter2 }@h"}}})",
           "{\"backends\": {\"redis-streams\": {\"redis_url\": \"redis://user:hunter2@host\nx\"}}}",
           R"({"backends": {"redis-streams": {"redis_url": hunter2}}})",
       }) {
    INFO(json);
    Refusal refused = refusal([&] { open_bus_from_json(json); });
    CHECK(refused.code == ErrorCode::invalid_config);
    CHECK_THAT(refused.text, !ContainsSubstring("hunter2"));
  }
}

TEST_CASE("a password does not get into an error from the environment or an override either") {
  {
    Variable backend("EVENTBUS_BACKEND", "redis://user:hunter2@host");
    CHECK_THAT(refusal([] { parse_config("{}"); }).text,
               ContainsSubstring("EVENTBUS_BACKEND") && !ContainsSubstring("hunter2"));
  }
  Refusal refused = refusal([] {
    parse_config("{}", "bus.json", {{"backends.redis-streams", "redis://user:hunter2@host"}});
  });
  CHECK(refused.code == ErrorCode::invalid_config);
  CHECK_THAT(refused.text, ContainsSubstring("backends.redis-streams") && !ContainsSubstring("hunter2"));
}

#ifdef EVENTBUS_REDIS_STREAMS_PLUGIN
TEST_CASE("a password in a broken redis_url does not get into the error") {
  Variable url("EVENTBUS_REDIS_URL", nullptr);
  for (const char* value :
       {R"("http://user:hunter2@host")", R"("redis://user:hunter2@host:port")", R"(["redis://user:hunter2@host"])"}) {
    BusConfig config;
    config.backend = EVENTBUS_REDIS_STREAMS_PLUGIN;
    config.backends["redis-streams"] = std::string(R"({"redis_url": )") + value + "}";
    Refusal refused = refusal([&] { open_bus(config); });
    INFO(refused.text);
    CHECK(refused.code == ErrorCode::invalid_config);
    CHECK_THAT(refused.text, !ContainsSubstring("hunter2"));
  }
}
#endif
