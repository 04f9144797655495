// Times as text.
#include <catch2/catch_test_macros.hpp>

#include <eventbus/rfc3339.hpp>

namespace eventbus {
namespace {

using std::chrono::microseconds;

TEST_CASE("a time is written with as few digits as tell the whole of it, and read back") {
  const std::pair<std::int64_t, const char*> cases[] = {{1522949460000000, "2018-04-05T17:31:00Z"},
                                                        {1522949460120000, "2018-04-05T17:31:00.120Z"},
                                                        {1522949460000001, "2018-04-05T17:31:00.000001Z"},
                                                        {0, "1970-01-01T00:00:00Z"},
                                                        {-1, "1969-12-31T23:59:59.999999Z"},
                                                        {-62135596800000000, "0001-01-01T00:00:00Z"}};
  for (const auto& [micros, text] : cases) {
    CHECK(to_rfc3339(Timestamp(microseconds(micros))) == text);
    CHECK(parse_rfc3339(text) == Timestamp(microseconds(micros)));
  }
}

TEST_CASE("a time is read with any offset and any number of digits") {
  const Timestamp time{microseconds(1522949460000000)};
  CHECK(parse_rfc3339("2018-04-05T19:31:00+02:00") == time);
  CHECK(parse_rfc3339("2018-04-05T12:01:00-05:30") == time);
  CHECK(parse_rfc3339("2018-04-05t17:31:00.0000009z") == time);
  CHECK(parse_rfc3339("2018-04-05T17:31:00.5Z") == time + microseconds(500000));
}

TEST_CASE("what is no time is refused") {
  for (const char* text :
       {"", "2018-04-05", "2018-04-05T17:31:00", "2018-04-05 17:31:00Z", "2018-02-30T00:00:00Z", "2018-04-05T24:00:00Z",
        "2018-04-05T17:31:00.Z", "2018-04-05T17:31:00Zx", "2018-04-05T17:31:00+2:00", "2018-04-05T17:31:00+02:60"}) {
    CHECK_FALSE(parse_rfc3339(text));
  }
}

}  // namespace
}  // namespace eventbus
