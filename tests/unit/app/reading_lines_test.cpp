#include <catch2/catch_test_macros.hpp>

#include <eventbus/error.hpp>

#include "ndjson.hpp"

namespace eventbus::app {
namespace {

using namespace std::chrono_literals;

std::string refusal_of(std::string_view line) {
  try {
    event_from_line(line);
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::invalid_argument);
    return error.what();
  }
  return "accepted";
}

TEST_CASE("a line may name every field of an event") {
  const Event event =
      event_from_line(R"({"type": "OrderCreated", "id": "e-1", "aggregate_id": "order-7", "aggregate_type": "Order",)"
                      R"( "aggregate_version": 3, "occurred_at": "2026-11-23T01:02:03.000004Z",)"
                      R"( "headers": {"tenant_id": "acme", "empty": ""}, "data": {"total": 1}})");
  CHECK(event.type == "OrderCreated");
  CHECK(event.id == "e-1");
  CHECK(event.aggregate_id == "order-7");
  CHECK(event.aggregate_type == "Order");
  CHECK(event.aggregate_version == 3);
  CHECK(text_from(event.occurred_at) == "2026-11-23T01:02:03.000004Z");
  CHECK(event.headers.get("tenant_id") == "acme");
  CHECK(event.headers.get("empty") == "");
  CHECK(event.payload.bytes() == R"({"total": 1})");
}

TEST_CASE("a line needs no more than a type") {
  const Event event = event_from_line(R"({"type": "OrderCreated"})");
  CHECK(event.type == "OrderCreated");
  CHECK(event.id.empty());
  CHECK(event.payload.bytes().empty());
}

TEST_CASE("data is taken as it is written, so that no number is rounded") {
  for (const char* data : {"12345678901234567890123", "0.1000", "[1, 2]", "\"a \\\" } b\"", "null", "{\"data\": {}}"}) {
    INFO(data);
    const std::string line = std::string(R"({"headers": {"data": "}"}, "data" : )") + data + R"( , "type": "T"})";
    CHECK(event_from_line(line).payload.bytes() == data);
  }
}

TEST_CASE("data_base64 is taken as bytes") {
  CHECK(event_from_line(R"({"type": "T", "data_base64": "AP8K"})").payload.bytes() == std::string_view("\0\xFF\n", 3));
}

TEST_CASE("what consume adds to a line is ignored") {
  const Event event =
      event_from_line(R"({"position": "5-0", "attempt": 2, "group": "g", "consumer": "c", "type": "T"})");
  CHECK(event.type == "T");
}

TEST_CASE("a refused line says which key, what was found and what is allowed") {
  CHECK(refusal_of("{") == "not valid JSON; allowed is one object a line, such as {\"type\": \"OrderCreated\"}");
  CHECK(refusal_of("[1]") == "event: found [1]; allowed is an object with at least \"type\"");
  CHECK(refusal_of("{}") == "type: is missing or empty; every event needs one");
  CHECK(refusal_of(R"({"type": 5})") == "type: found 5; allowed is a string");
  CHECK(refusal_of(R"({"type": "T", "headers": {"a": 1}})") == "headers.a: found 1; allowed is a string");
  CHECK(refusal_of(R"({"type": "T", "aggregate_version": "3"})") ==
        "aggregate_version: found \"3\"; allowed is an integer");
  CHECK(refusal_of(R"({"type": "T", "occurred_at": "yesterday"})") ==
        "occurred_at: found \"yesterday\"; allowed is a time such as \"2026-11-23T00:00:00Z\"");
  CHECK(refusal_of(R"({"type": "T", "data_base64": "*"})") ==
        "data_base64: found \"*\"; allowed is base64 text (RFC 4648)");
  CHECK(refusal_of(R"({"type": "T", "data": 1, "data_base64": "AA=="})") ==
        "data and data_base64: found both; allowed is one payload");
  CHECK(refusal_of(R"({"type": "T", "payload": 1})").starts_with("payload: unknown key; allowed are type, id, "));
}

}  // namespace
}  // namespace eventbus::app
