#include "json_text.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace eventbus::redis_streams;

namespace {

std::string problem(const std::string& text) {
  std::vector<JsonMember> members;
  return scan_object(text, members);
}

bool refused(const std::string& text, const std::string& why) { return problem(text).find(why) != std::string::npos; }

}  // namespace

TEST_CASE("an object is cut into its members, each value as it was written") {
  std::string text = R"( {"a" : 1.50, "b":"x\"}", "c": {"d": [1, {"e": 2}]},"f\u0041":null , "":-0e+10} )";
  std::vector<JsonMember> members;
  REQUIRE(scan_object(text, members).empty());
  REQUIRE(members.size() == 5);
  CHECK(members[0].key == "\"a\"");
  CHECK(members[0].value == "1.50");
  CHECK(members[1].value == R"("x\"}")");
  CHECK(members[2].value == R"({"d": [1, {"e": 2}]})");
  CHECK(members[3].key == R"("f\u0041")");
  CHECK(members[4].value == "-0e+10");
  CHECK(problem("{}").empty());
  CHECK(problem(" { } ").empty());
}

TEST_CASE("what is no JSON object is refused with the place") {
  CHECK(refused("", "no JSON object"));
  CHECK(refused("[1]", "no JSON object"));
  CHECK(refused("7", "no JSON object"));
  CHECK(refused("{", "does not end"));
  CHECK(refused(R"({"a)", "does not end"));
  CHECK(refused(R"({"a":1)", "does not end"));
  CHECK(refused(R"({"a":[1,2)", "does not end"));
  CHECK(refused(R"({"a":1} x)", "behind the JSON object, at byte 8"));
  CHECK(refused(R"({"a" 1})", "no colon behind a key at byte 5"));
  CHECK(refused(R"({a:1})", "no key at byte 1"));
  CHECK(refused(R"({"a":1,})", "no key at byte 7"));
  CHECK(refused(R"({"a":[1,]})", "no JSON value at byte 8"));
  CHECK(refused(R"({"a":[1}})", "neither a comma nor an end"));
  CHECK(refused(R"({"a":01})", "neither a comma nor an end"));
  CHECK(refused(R"({"a":1.})", "no digit behind a point"));
  CHECK(refused(R"({"a":1e})", "no digit in an exponent"));
  CHECK(refused(R"({"a":"\x"})", "a wrong escape at byte 6"));
  CHECK(refused(R"({"a":"\u12g4"})", "a wrong escape"));
  CHECK(refused(R"({"a":"\ud83d"})", "half a surrogate pair"));
  CHECK(refused(R"({"a":"\ude00"})", "half a surrogate pair"));
  CHECK(refused("{\"a\":\"\n\"}", "a control character"));
  CHECK(refused("{\"a\":\"\xff\"}", "no UTF-8"));
  CHECK(refused("{\"a\":\"\xc0\xaf\"}", "no UTF-8"));
  CHECK(refused("{\"a\":\"\xed\xa0\x80\"}", "no UTF-8"));
  std::string deep(300, '[');
  CHECK(refused("{\"a\":" + deep, "nesting"));
}

TEST_CASE("every cut of a text is refused, and read past by nobody") {
  std::string text = R"({"a":"\ud83d\ude00 grüße","b":[-1.5e+3,true,{"c":null}],"d":{}})";
  REQUIRE(problem(text).empty());
  for (std::size_t size = 0; size < text.size(); ++size) {
    std::string cut(text.data(), size);  // a copy of its own: a sanitizer sees what reads past it
    CHECK_FALSE(problem(cut).empty());
  }
}

TEST_CASE("a number is refused only if it is not finite") {
  CHECK(refused(R"({"a":NaN})", "no JSON value at byte 5"));
  CHECK(refused(R"({"a":Infinity})", "no JSON value"));
  CHECK(refused(R"({"a":-Infinity})", "no JSON value"));
  CHECK(refused(R"({"a":1e999})", "a number that is not finite at byte 5"));
  CHECK(refused(R"({"a":-1.5E+400})", "not finite"));
  CHECK(refused(R"({"a":1e99999999999999999999})", "not finite"));
  CHECK(refused("{\"a\":" + std::string(400, '9') + ".5}", "not finite"));
  CHECK(problem(R"({"a":1e-999,"b":0.1e-400,"c":1e-99999999999999999999,"d":1e308})").empty());
  CHECK(problem("{\"a\":" + std::string(400, '9') + "}").empty());  // an integer has no bound
}

TEST_CASE("what is quoted comes back as it was") {
  std::string text = "\"\\/\b\f\n\r\t\x01\x1f\x7f grüße 😀";
  std::string quoted;
  REQUIRE(append_quoted(text, quoted));
  CHECK(quoted == "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f grüße 😀\"");
  std::string memory;
  CHECK(unquoted(quoted, memory) == text);
  memory.clear();
  CHECK(unquoted(R"("\ud83d\ude00\u00fc\u20ac\u0041\/")", memory) == "😀ü€A/");
}

TEST_CASE("a text that is no UTF-8 is not quoted") {
  std::string out = "kept";
  CHECK_FALSE(append_quoted("a\xff", out));
  CHECK_FALSE(append_quoted("cut \xe2\x82", out));
  CHECK(out == "kept");
}
