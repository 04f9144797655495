#include "wire_eventsource_py.hpp"

#include <array>
#include <catch2/catch_test_macros.hpp>

#include "wire.hpp"

using namespace eventbus;
using namespace eventbus::redis_streams;

namespace {

constexpr std::string_view id = "0f8fad5b-d9cb-469f-a165-70867728950e";
constexpr std::string_view aggregate = "7c9e6679-7425-40de-944b-e07fc1f90ae7";
constexpr std::string_view tenant = "e4eaaaf2-d142-11e1-b3e4-080027620cdd";
constexpr std::string_view other = "16fd2706-8baf-433b-82eb-8c7fada847da";
const Timestamp noon{std::chrono::microseconds(1795463450372516)};  // 2026-11-23T19:50:50.372516

EventView order(std::span<const HeaderView> headers = {}, std::string_view payload = R"({"total": 99.90})") {
  return {id, "OrderCreated", aggregate, "Order", 7, noon, headers, payload};
}

std::vector<std::string> encoded(const EventView& event) {
  eventsource_py::Encoder encoder;
  std::vector<std::string_view> fields;
  REQUIRE(encoder.encode(event, fields).empty());
  return {fields.begin(), fields.end()};
}

std::string refusal(const EventView& event) {
  eventsource_py::Encoder encoder;
  std::vector<std::string_view> fields;
  return encoder.encode(event, fields);
}

std::vector<std::string_view> entry(std::string_view payload) {
  return {"event_id",       id,      "event_type", "OrderCreated", "aggregate_id", aggregate,
          "aggregate_type", "Order", "tenant_id",  tenant,         "occurred_at",  "2026-11-23T19:50:50.372516+00:00",
          "payload",        payload};
}

// As pydantic dumps an event.
constexpr std::string_view dumped =
    R"({"event_id":"0f8fad5b-d9cb-469f-a165-70867728950e","event_type":"OrderCreated","event_version":2,)"
    R"("occurred_at":"2026-11-23T19:50:50.372516Z","aggregate_id":"7c9e6679-7425-40de-944b-e07fc1f90ae7",)"
    R"("aggregate_type":"Order","aggregate_version":7,"tenant_id":"e4eaaaf2-d142-11e1-b3e4-080027620cdd",)"
    R"("actor_id":"ann \"the\" grüße","correlation_id":"16fd2706-8baf-433b-82eb-8c7fada847da","causation_id":null,)"
    R"("metadata":{"traceparent":"00-4bf9-01","n":1.50,"deep":{"a":[1]}},)"
    R"("total":99.90,"big":123456789012345678901234567890,"small":1e-7,"items":[{"sku":"a\u0041"}]})";

}  // namespace

TEST_CASE("an event is written as eventsource-py writes it, byte for byte") {
  std::array headers{HeaderView{"traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"},
                     HeaderView{"tenant_id", tenant},
                     HeaderView{"actor_id", "ann \"the\"\tgrüße"},
                     HeaderView{"correlation_id", other},
                     HeaderView{"causation_id", id},
                     HeaderView{"event_version", "2"},
                     HeaderView{"note", ""}};
  CHECK(encoded(order(headers, "\n{ \"total\" : 99.90,\"n\":1e-7 }")) ==
        std::vector<std::string>{
            "event_id", "0f8fad5b-d9cb-469f-a165-70867728950e", "event_type", "OrderCreated", "aggregate_id",
            "7c9e6679-7425-40de-944b-e07fc1f90ae7", "aggregate_type", "Order", "tenant_id",
            "e4eaaaf2-d142-11e1-b3e4-080027620cdd", "occurred_at", "2026-11-23T19:50:50.372516+00:00", "payload",
            R"({"event_id":"0f8fad5b-d9cb-469f-a165-70867728950e","event_type":"OrderCreated","event_version":2,)"
            R"("occurred_at":"2026-11-23T19:50:50.372516Z","aggregate_id":"7c9e6679-7425-40de-944b-e07fc1f90ae7",)"
            R"("aggregate_type":"Order","aggregate_version":7,"tenant_id":"e4eaaaf2-d142-11e1-b3e4-080027620cdd",)"
            R"("actor_id":"ann \"the\"\tgrüße","correlation_id":"16fd2706-8baf-433b-82eb-8c7fada847da",)"
            R"("causation_id":"0f8fad5b-d9cb-469f-a165-70867728950e",)"
            R"("metadata":{"traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01","note":""},)"
            R"("total" : 99.90,"n":1e-7})"});
}

TEST_CASE("an event without headers has nulls, version 1, and correlates with itself") {
  auto fields = encoded(order());
  CHECK(fields[13] ==
        R"({"event_id":"0f8fad5b-d9cb-469f-a165-70867728950e","event_type":"OrderCreated","event_version":1,)"
        R"("occurred_at":"2026-11-23T19:50:50.372516Z","aggregate_id":"7c9e6679-7425-40de-944b-e07fc1f90ae7",)"
        R"("aggregate_type":"Order","aggregate_version":7,"tenant_id":null,"actor_id":null,)"
        R"("correlation_id":"0f8fad5b-d9cb-469f-a165-70867728950e","causation_id":null,"metadata":{},"total": 99.90})");
  CHECK(fields[8] == "tenant_id");
  CHECK(fields[9].empty());
  CHECK(encoded(order({}, "{}"))[13].ends_with(R"("metadata":{}})"));
}

TEST_CASE("what eventsource-py wrote is read as an event: its own members, the rest as headers") {
  redis_streams::Decoder decoder;
  EventView event;
  auto fields = entry(dumped);
  REQUIRE(decoder.decode(fields, event) == "");
  CHECK(event.id == id);
  CHECK(event.type == "OrderCreated");
  CHECK(event.aggregate_id == aggregate);
  CHECK(event.aggregate_type == "Order");
  CHECK(event.aggregate_version == 7);
  CHECK(event.occurred_at == noon);
  CHECK(event.payload ==
        R"({"total":99.90,"big":123456789012345678901234567890,"small":1e-7,"items":[{"sku":"a\u0041"}]})");
  std::vector<std::pair<std::string, std::string>> headers;
  for (const HeaderView& one : event.headers) headers.emplace_back(one.name, one.value);
  CHECK(headers == std::vector<std::pair<std::string, std::string>>{{"tenant_id", std::string(tenant)},
                                                                    {"actor_id", "ann \"the\" grüße"},
                                                                    {"correlation_id", std::string(other)},
                                                                    {"event_version", "2"},
                                                                    {"traceparent", "00-4bf9-01"},
                                                                    {"n", "1.50"},
                                                                    {"deep", R"({"a":[1]})"}});
}

TEST_CASE("an event that was read is written again as the same bytes") {
  // Metadata that is text stays text; the member order is eventsource-py's.
  std::string text(dumped);
  text.replace(text.find(R"("n":1.50,"deep":{"a":[1]})"), 25, R"("n":"1.50","deep":"x\ny")");
  redis_streams::Decoder decoder;
  EventView event;
  auto fields = entry(text);
  REQUIRE(decoder.decode(fields, event) == "");
  auto again = encoded(event);
  CHECK(again == std::vector<std::string>(fields.begin(), fields.end()));
}

TEST_CASE("members that stand among the envelope's are the event's own all the same") {
  redis_streams::Decoder decoder;
  EventView event;
  auto fields = entry(R"({"a": 1,"event_id":"0f8fad5b-d9cb-469f-a165-70867728950e", "b":2, "c" : 3, "metadata":{}})");
  REQUIRE(decoder.decode(fields, event) == "");
  CHECK(event.payload == R"({"a": 1,"b":2, "c" : 3})");
  CHECK(event.aggregate_version == 1);
  CHECK(event.aggregate_id == aggregate);  // from the entry's field
  CHECK(event.occurred_at == noon);
  fields = entry("{}");
  REQUIRE(decoder.decode(fields, event) == "");
  CHECK(event.payload == "{}");
  CHECK(event.headers.empty());
}

TEST_CASE("what can't be carried is refused with the field") {
  auto with = [&](auto change) {
    EventView event = order();
    change(event);
    return refusal(event);
  };
  CHECK(with([](EventView& e) { e.id = "id7"; }) == "id 'id7' is no UUID");
  CHECK(with([](EventView& e) { e.id = "0f8fad5bd9cb469fa16570867728950e"; }).find("no UUID") != std::string::npos);
  CHECK(with([](EventView& e) { e.type = ""; }) == "type is empty");
  CHECK(with([](EventView& e) { e.type = "\xff"; }) == "type is no UTF-8");
  CHECK(with([](EventView& e) { e.aggregate_id = "order-7"; }) == "aggregate_id 'order-7' is no UUID");
  CHECK(with([](EventView& e) { e.aggregate_id = ""; }) == "aggregate_id '' is no UUID");
  CHECK(with([](EventView& e) { e.aggregate_type = "\xff"; }) == "aggregate_type is no UTF-8");
  CHECK(with([](EventView& e) { e.aggregate_version = 0; }) == "aggregate_version '0' is less than 1");
  CHECK(with([](EventView& e) { e.occurred_at = Timestamp::max(); }).find("occurred_at") == 0);
  auto with_header = [&](std::string_view name, std::string_view value) {
    std::array headers{HeaderView{name, value}};
    return refusal(order(headers));
  };
  CHECK(with_header("tenant_id", "acme") == "header tenant_id 'acme' is no UUID");
  CHECK(with_header("tenant_id", "") == "");
  CHECK(with_header("correlation_id", "x") == "header correlation_id 'x' is no UUID");
  CHECK(with_header("causation_id", "x") == "header causation_id 'x' is no UUID");
  for (std::string_view version : {"0", "-1", "1.0", "", "01", "x"}) {
    CHECK(with_header("event_version", version).find("header event_version") == 0);
  }
  CHECK(with_header("note", "\xff") == "header note is no UTF-8");
  auto with_payload = [&](std::string_view payload) { return refusal(order({}, payload)); };
  CHECK(with_payload("").find("payload: it is no JSON object") == 0);
  CHECK(with_payload("[1]").find("payload: it is no JSON object") == 0);
  CHECK(with_payload(R"({"x":NaN})").find("payload: no JSON value") == 0);
  CHECK(with_payload(R"({"x":1e999})").find("payload: a number that is not finite") == 0);
  CHECK(with_payload(R"({"metadata":{}})") == "payload: the key 'metadata' is one of the format's own");
  CHECK(with_payload(R"({"event\u005fid":1})") == "payload: the key 'event_id' is one of the format's own");
}

TEST_CASE("an entry of that format that is no event is told why, and shows what can be read") {
  auto problem = [](std::vector<std::string_view> fields) {
    redis_streams::Decoder decoder;
    EventView event;
    std::string out = decoder.decode(fields, event);
    CHECK(event.id == id);
    return out;
  };
  CHECK(problem(entry("{\"event_id\":")).find("'payload': the JSON object does not end") != std::string::npos);
  CHECK(problem(entry("text")).find("'payload': it is no JSON object") != std::string::npos);
  CHECK(problem(entry(R"({"occurred_at":"yesterday"})")).find("occurred_at 'yesterday' is no time") !=
        std::string::npos);
  CHECK(problem(entry(R"({"aggregate_version":0})")).find("aggregate_version") != std::string::npos);
  auto untyped = entry("{}");
  untyped[3] = "";
  CHECK(problem(untyped).find("'event_type' is empty") != std::string::npos);
}

TEST_CASE("a time is written as Python writes it and read with any offset") {
  CHECK(eventsource_py::time_text(noon, "Z") == "2026-11-23T19:50:50.372516Z");
  CHECK(eventsource_py::time_text(Timestamp{std::chrono::microseconds(5)}, "+00:00") ==
        "1970-01-01T00:00:00.000005+00:00");
  CHECK(eventsource_py::time_text(Timestamp{}, "Z") == "1970-01-01T00:00:00Z");
  CHECK(eventsource_py::time_text(Timestamp{std::chrono::microseconds(-1)}, "Z") == "1969-12-31T23:59:59.999999Z");
  for (std::string_view text :
       {"2026-11-23T19:50:50.372516Z", "2026-11-23T19:50:50.372516+00:00", "2026-11-23 19:50:50.372516",
        "2026-11-23T21:20:50.372516+01:30", "2026-11-23T14:50:50.372516999-05:00"}) {
    CHECK(eventsource_py::parse_time(text) == noon);
  }
  CHECK(eventsource_py::parse_time("2026-11-23T19:50:50.5Z") == Timestamp{std::chrono::microseconds(1795463450500000)});
  for (std::string_view text :
       {"", "2026-11-23", "2026-02-30T00:00:00Z", "2026-11-23T24:00:00Z", "2026-11-23T19:50:50.Z",
        "2026-11-23T19:50:50+1", "2026-11-23T19:50:5xZ", "2026-11-23T19:50:50Zx"}) {
    CHECK_FALSE(eventsource_py::parse_time(text));
  }
}

TEST_CASE("the chosen format writes, and either is read") {
  for (WireFormat format : {WireFormat::eventbus, WireFormat::eventsource_py}) {
    redis_streams::Encoder encoder(format);
    std::vector<std::string_view> fields;
    REQUIRE(encoder.encode(order(), fields).empty());
    CHECK(eventsource_py::is_entry(fields) == (format == WireFormat::eventsource_py));
    redis_streams::Decoder decoder;
    EventView event;
    REQUIRE(decoder.decode(fields, event).empty());
    CHECK(event.id == id);
    CHECK(event.payload == R"({"total": 99.90})");
  }
}
