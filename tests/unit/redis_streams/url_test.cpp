#include <catch2/catch_test_macros.hpp>
#include <eventbus/error.hpp>

#include "url.hpp"

using eventbus::Error;
using eventbus::ErrorCode;
using eventbus::redis_streams::parse_url;
using eventbus::redis_streams::Url;

namespace {
std::string refusal(const std::string& text) {
  try {
    parse_url(text);
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::invalid_config);
    return error.what();
  }
  return {};
}
}  // namespace

TEST_CASE("a URL names user, password, host, port and database") {
  Url url = parse_url("redis://ann:open%20sesame%40@db.example:7000/3");
  CHECK(url.user == "ann");
  CHECK(url.password == "open sesame@");
  CHECK(url.host == "db.example");
  CHECK(url.port == 7000);
  CHECK(url.database == 3);
  CHECK(url.address() == "db.example:7000");
  CHECK_FALSE(url.tls);
}

TEST_CASE("what a URL leaves out has its usual value") {
  Url url = parse_url("redis://cache");
  CHECK(url.host == "cache");
  CHECK(url.port == 6379);
  CHECK(url.database == 0);
  CHECK(url.password.empty());
  CHECK(parse_url("redis://").host == "127.0.0.1");
  CHECK(parse_url("redis://:secret@cache").password == "secret");
  CHECK(parse_url("redis://:secret@cache").user.empty());
}

TEST_CASE("a URL may name an IPv6 address") {
  CHECK(parse_url("redis://[::1]:7000/1").host == "::1");
  CHECK(parse_url("redis://[::1]:7000/1").port == 7000);
  CHECK(parse_url("redis://[::1]").host == "::1");
}

TEST_CASE("a URL may name a unix socket") {
  Url url = parse_url("unix:///run/redis/a%20b@c.sock?db=2");
  CHECK(url.socket_path == "/run/redis/a b@c.sock");
  CHECK(url.database == 2);
  CHECK(url.address() == url.socket_path);
  CHECK(parse_url("unix://ann:pw@/run/r.sock").password == "pw");
}

TEST_CASE("rediss asks for TLS") { CHECK(parse_url("rediss://cache").tls); }

TEST_CASE("a URL that can't be used is refused without its secrets") {
  for (const char* text :
       {"", "cache:6379", "http://ann:hunter2@cache", "redis://ann:hunter2@cache:99999", "redis://ann:hunter2@cache:x",
        "redis://ann:hunter2@cache/x", "redis://ann:hunter2@cache/-1", "redis://ann:hunter2@cache?ssl=1", "unix://",
        "redis://ann:hun/hunter2@cache", "redis://ann:hunter2?@cache"}) {
    std::string text_of_error = refusal(text);
    INFO(text);
    CHECK(text_of_error.starts_with("redis-streams: cannot use backends.redis-streams.redis_url: "));
    CHECK(text_of_error.find("hunter2") == std::string::npos);
  }
}
