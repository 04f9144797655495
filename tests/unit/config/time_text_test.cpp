#include "config/time_text.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace eventbus;
using namespace std::chrono_literals;

TEST_CASE("a UTC time is read to the microsecond") {
  CHECK(host::parse_time("1970-01-01T00:00:00Z")->time_since_epoch() == 0us);
  CHECK(host::parse_time("1970-01-02T01:02:03.000004Z")->time_since_epoch() == 24h + 1h + 2min + 3s + 4us);
  CHECK(host::parse_time("2026-11-23T19:50:50.372516+00:00").has_value());
}

TEST_CASE("what is no UTC time is refused") {
  for (const char* text : {"", "2026-11-23", "2026-11-23T00:00:00", "2026-11-23T00:00:00+02:00", "2026-02-30T00:00:00Z",
                           "2026-11-23T24:00:00Z", "2026-11-23 00:00:00Z", " 026-11-23T00:00:00Z",
                           "2026--1-23T00:00:00Z", "2026-11-23T00:00:00Zx"}) {
    INFO(text);
    CHECK_FALSE(host::parse_time(text));
  }
}
