// Events as CloudEvents and back.
#include <catch2/catch_test_macros.hpp>

#include <eventbus/cloud_events.hpp>
#include <eventbus/typed.hpp>

#include "shop.hpp"
#include "support.hpp"

namespace eventbus::typed_test {
namespace {

using nlohmann::json;

Timestamp at(const char* time) { return parse_rfc3339(time).value(); }

// The examples of the specification (spec.md "Example", json-format.md 3.2 and 4.3, extensions/correlation.md).
struct Published {
  const char* json;
  const char* type;
  const char* payload;
  const char* content_type;  // null: none
};
constexpr Published published[] = {
    {R"({"specversion" : "1.0", "type" : "com.github.pull_request.opened",
         "source" : "https://github.com/cloudevents/spec/pull", "subject" : "123", "id" : "A234-1234-1234",
         "time" : "2018-04-05T17:31:00Z", "comexampleextension1" : "value", "comexampleothervalue" : 5,
         "datacontenttype" : "text/xml", "data" : "<much wow=\"xml\"/>"})",
     "com.github.pull_request.opened", "<much wow=\"xml\"/>", "text/xml"},
    {R"({"specversion" : "1.0", "type" : "com.example.someevent", "source" : "/mycontext", "id" : "A234-1234-1234",
         "time" : "2018-04-05T17:31:00Z", "comexampleextension1" : "value", "comexampleothervalue" : 5,
         "datacontenttype" : "application/vnd.apache.thrift.binary", "data_base64" : "gAEAAQ=="})",
     "com.example.someevent", "\x80\x01\x00\x01", "application/vnd.apache.thrift.binary"},
    {R"({"specversion" : "1.0", "type" : "com.example.someevent", "source" : "/mycontext", "id" : "B234-1234-1234",
         "time" : "2018-04-05T17:31:00Z", "comexampleextension1" : "value", "comexampleothervalue" : 5,
         "unsetextension": null, "datacontenttype" : "application/xml", "data" : "<much wow=\"xml\"/>"})",
     "com.example.someevent", "<much wow=\"xml\"/>", "application/xml"},
    {R"({"specversion" : "1.0", "type" : "com.example.someevent", "source" : "/mycontext", "subject": null,
         "id" : "C234-1234-1234", "time" : "2018-04-05T17:31:00Z", "comexampleextension1" : "value",
         "comexampleothervalue" : 5, "datacontenttype" : "application/json",
         "data" : { "appinfoA" : "abc", "appinfoB" : 123, "appinfoC" : true }})",
     "com.example.someevent", R"({ "appinfoA" : "abc", "appinfoB" : 123, "appinfoC" : true })", "application/json"},
    {R"({"specversion" : "1.0", "type" : "com.example.someevent", "source" : "/mycontext", "subject": null,
         "id" : "D234-1234-1234", "time" : "2018-04-05T17:31:00Z", "comexampleextension1" : "value",
         "comexampleothervalue" : 5, "data" : "I'm just a string"})",
     "com.example.someevent", R"("I'm just a string")", nullptr},
    {R"({"specversion": "1.0", "type": "com.example.payment.processed", "source": "https://example.com/payments",
         "id": "payment-789", "correlationid": "txn-abc-123", "causationid": "order-123",
         "data": {"amount": 150.0, "currency": "USD"}})",
     "com.example.payment.processed", R"({"amount": 150.0, "currency": "USD"})", nullptr}};

std::string_view payload_of(const Published& example) {
  return example.payload[0] == '\x80' ? std::string_view(example.payload, 4) : std::string_view(example.payload);
}

// Null is as good as absent.
json without_nulls(json event) {
  for (auto it = event.begin(); it != event.end();) it = it->is_null() ? event.erase(it) : std::next(it);
  return event;
}

TEST_CASE("the published examples are read, and written again with nothing lost") {
  for (const Published& example : published) {
    CAPTURE(example.json);
    const json original = json::parse(example.json);
    const Event event = from_cloud_event(example.json);
    CHECK(event.type == example.type);
    CHECK(event.id == original["id"]);
    CHECK(event.headers.get("ce_source") == original["source"].get<std::string>());
    CHECK(event.payload.bytes() == payload_of(example));
    CHECK(event.headers.get(header::content_type).has_value() == (example.content_type != nullptr));
    if (example.content_type) CHECK(event.headers.get(header::content_type) == example.content_type);
    CHECK(json::parse(to_cloud_event(event, "/mine")) == without_nulls(original));
    CHECK(from_cloud_event(to_cloud_event(event, "/mine")) == event);
  }
}

TEST_CASE("an example's attributes become the fields and headers that mean the same") {
  const Event event = from_cloud_event(published[0].json);
  CHECK(event.aggregate_id == "123");
  CHECK(event.occurred_at == at("2018-04-05T17:31:00Z"));
  CHECK(event.headers == Headers{{"ce_source", "https://github.com/cloudevents/spec/pull"},
                                 {"comexampleextension1", "value"},
                                 {"comexampleothervalue", "5"},
                                 {"content_type", "text/xml"},
                                 {"ce_types", "comexampleothervalue"}});
  CHECK(from_cloud_event(published[0].json, "https://github.com/cloudevents/spec/pull").headers.get("ce_source") ==
        std::nullopt);
  CHECK(from_cloud_event(published[5].json).headers.get(header::causation_id) == "order-123");
}

TEST_CASE("the published batch is read and written, an empty one too") {
  const std::string batch = std::string("[ ") + published[1].json + " ,\n" + published[3].json + "]";
  const auto events = from_cloud_events(batch);
  REQUIRE(events.size() == 2);
  CHECK(events[0] == from_cloud_event(published[1].json));
  CHECK(events[1] == from_cloud_event(published[3].json));
  CHECK(from_cloud_events(to_cloud_events(events, "/mine")) == events);
  CHECK(from_cloud_events(" [ ] ").empty());
  CHECK(to_cloud_events({}, "/mine") == "[]");
}

Event full() {
  Event event{.id = "e-1",
              .type = "OrderCreated",
              .aggregate_id = "order-7",
              .aggregate_type = "Order",
              .aggregate_version = 3,
              .occurred_at = at("2026-11-23T10:20:30.000001Z"),
              .headers = {{"tenant_id", "t"}, {"correlation_id", "c"}, {"traceparent", "00-1-2-01"}},
              .payload = R"({"total_amount":99.90,"n":12345678901234567890123,"z":1,"a":2})"};
  return event;
}

TEST_CASE("an event is written with the attributes' own names, its JSON as it is") {
  CHECK(to_cloud_event(full(), "/shop") ==
        R"({"specversion":"1.0","id":"e-1","source":"/shop","type":"OrderCreated","subject":"order-7",)"
        R"("time":"2026-11-23T10:20:30.000001Z","aggregatetype":"Order","aggregateversion":3,"tenantid":"t",)"
        R"("correlationid":"c","traceparent":"00-1-2-01",)"
        R"("data":{"total_amount":99.90,"n":12345678901234567890123,"z":1,"a":2}})");
}

// What is to survive: one thing changed in an event a time.
std::vector<Event> hard_cases() {
  std::vector<Event> events{full()};
  auto with = [&](auto change) {
    Event event = full();
    change(event);
    events.push_back(event);
  };
  for (const char* payload :
       {"", "{}", "\"text\"", "null", " {}", "{}\n", "no JSON", "[1, 2.50,\t\"a,]}\\\"\"]", "-0.0"}) {
    with([&](Event& event) { event.payload = payload; });
    with([&](Event& event) {
      event.payload = payload;
      event.headers.set(header::content_type, "text/plain; charset=utf-8");
    });
    with([&](Event& event) {
      event.payload = payload;
      event.headers.set(header::content_type, "Application/Problem+JSON; x=y");
    });
  }
  with([](Event& event) { event.payload = std::string("\0\xff\x80", 3); });
  with([](Event& event) { event.payload = std::string("\xEF\xBB\xBF{}"); });
  with([](Event& event) {
    event.payload = std::string("\xff");
    event.headers.set(header::content_type, "text/plain");
  });
  with([](Event& event) { event.headers = {}; });
  with([](Event& event) {
    event.headers = {{"z", "1"}, {"Upper", "2"}, {"with space", "3"}, {"a_b", ""}, {"empty", ""}, {"a", "x"}};
  });
  with([](Event& event) { event.headers = {{"tab", "a\tb\nc"}, {"c1", "\xC2\x80"}, {"zürich", "ü"}, {"b", "\x7F"}}; });
  with([](Event& event) { event.headers = {{"\xff", "\xfe"}, {"bytes", "\x80"}}; });
  with([](Event& event) {
    event.headers = {{"id", "1"},
                     {"data", "2"},
                     {"source", "3"},
                     {"specversion", "4"},
                     {"subject", "5"},
                     {"datacontenttype", "6"},
                     {"correlationid", "7"},
                     {"correlation_id", "8"},
                     {"time", "9"},
                     {"aggregateversion", "10"},
                     {"eventbusheaders", "11"},
                     {"dataschema", "12"}};
  });
  with([](Event& event) { event.headers = {{"number", "5"}, {"event_version", "3"}, {"flag", "true"}}; });
  with([](Event& event) { event.headers = {{"a", "1"}, {"ce_source", "/other"}, {"ce_dataschema", "urn:x"}}; });
  with([](Event& event) { event.headers = {{"a", "1"}, {"ce_source", "/shop"}}; });
  with([](Event& event) { event.headers = {{"ce_time", "yesterday"}, {"ce_types", "none of them"}, {"none", "x"}}; });
  with([](Event& event) { event.headers = {{"ce_types", "n"}, {"n", "007"}, {"ce_time", "2026-11-23T10:20:30Z"}}; });
  with([](Event& event) {
    event.aggregate_id.clear();
    event.aggregate_type.clear();
    event.aggregate_version = std::numeric_limits<std::int64_t>::min();
  });
  with([](Event& event) { event.aggregate_version = 2147483648; });
  with([](Event& event) { event.aggregate_id = "Zürich, \"quoted\" \\ 東京"; });
  with([](Event& event) { event.occurred_at = {}; });
  with([](Event& event) { event.occurred_at = at("1969-12-31T23:59:59.999999Z"); });
  return events;
}

TEST_CASE("whatever an event holds comes back: bytes, header names, values and their order") {
  for (const Event& event : hard_cases()) {
    const std::string text = to_cloud_event(event, "/shop");
    CAPTURE(text);
    CHECK(from_cloud_event(text, "/shop") == event);
    const json attributes = json::parse(text);
    for (const auto& [name, value] : attributes.items()) {
      CHECK((name == "data_base64" || name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789") == name.npos));
    }
  }
}

TEST_CASE("what a CloudEvent says beyond an event's fields comes back: offsets, fractions, types, schema") {
  for (const char* more :
       {R"("time":"2018-04-05T19:31:00.123456789+02:00")", R"("time":"1970-01-01T00:00:00Z")",
        R"("time":"2018-04-05T17:31:00.100000Z")", R"("dataschema":"https://example.com/schema")",
        R"("flag":true,"other":false,"number":-7,"text":"5")", R"("aggregateversion":7,"eventversion":2)",
        R"("datacontenttype":"text/plain","data":"")", R"("data":null)", R"("data":[1.50,{"data":"x"}])",
        R"("datacontenttype":"text/plain","data_base64":"/w==")",
        R"("eventbusheaders":"[[\"a b\",\"c\"],\"text\"]","text":"x")"}) {
    const std::string text = R"({"specversion":"1.0","id":"1","source":"/s","type":"t",)" + std::string(more) + "}";
    CAPTURE(text);
    json wanted = json::parse(text);
    if (wanted.value("data", json(1)) == "") wanted.erase("data");  // no bytes are no data
    CHECK(json::parse(to_cloud_event(from_cloud_event(text), "/mine")) == wanted);
  }
}

TEST_CASE("a typed value crosses as JSON data") {
  const Event event = make_event(shop::OrderShipped{"t-1"}, {.id = "e-1", .aggregate_id = "order-7"});
  const std::string text = to_cloud_event(event, "/shop");
  CHECK(json::parse(text)["data"] == json{{"tracking_number", "t-1"}});
  CHECK(decode<shop::OrderShipped>(from_cloud_event(text))->tracking_number == "t-1");
}

std::string refusal(const std::string& text) {
  const auto error = error_of([&] { static_cast<void>(from_cloud_event(text)); });
  if (error) CHECK(error->code() == ErrorCode::invalid_argument);
  return text_of(error);
}
std::string refusal_with(const std::string& more) {
  return refusal(R"({"specversion":"1.0","id":"1","source":"/s","type":"t",)" + more + "}");
}

TEST_CASE("what is no CloudEvent is refused, naming the attribute") {
  CHECK(refusal("{").starts_with("cloud events: cannot read an event: it is no JSON: "));
  CHECK(refusal("[]") == "cloud events: cannot read an event: it must be a JSON object");
  CHECK(refusal(R"({"specversion":"1.0","source":"/s","type":"t"})").ends_with("its attribute 'id' is missing"));
  CHECK(refusal(R"({"specversion":"1.0","id":"","source":"/s","type":"t"})").ends_with("'id' is missing"));
  CHECK(refusal(R"({"specversion":"1.0","id":1,"source":"/s","type":"t"})").ends_with("'id' must be text"));
  CHECK(refusal(R"({"specversion":"0.3","id":"1","source":"/s","type":"t"})").find("'0.3'") != std::string::npos);
  CHECK(refusal_with(R"("time":"noon")").find("its time 'noon'") != std::string::npos);
  CHECK(refusal_with(R"("tenant_id":"x")").find("'tenant_id' is no attribute's name") != std::string::npos);
  CHECK(refusal_with(R"("list":[])").ends_with("'list' must be text, a whole number or a boolean"));
  CHECK(refusal_with(R"("half":0.5)").ends_with("'half' must be text, a whole number or a boolean"));
  CHECK(refusal_with(R"("subject":5)").ends_with("'subject' must be text"));
  CHECK(refusal_with(R"("data":1,"data_base64":"")").find("both") != std::string::npos);
  CHECK(refusal_with(R"("data_base64":"?")").ends_with("'data_base64' is no Base64"));
  CHECK(refusal_with(R"("datacontenttype":"text/plain","data":{})").find("'text/plain' is not JSON") !=
        std::string::npos);
  CHECK(refusal_with(R"("eventbusheaders":"{}")").ends_with("is no list of headers"));
  CHECK(refusal_with(R"("aggregateversion":"7a")").ends_with("must be a whole number"));
  CHECK(text_of(error_of([] { static_cast<void>(from_cloud_events("{}")); })).ends_with("must be a JSON array"));
}

TEST_CASE("an event that can be no CloudEvent is refused, saying why") {
  auto refused = [](Event event, const char* source = "/s") {
    return text_of(error_of([&] { static_cast<void>(to_cloud_event(event, source)); }));
  };
  CHECK(refused({.type = "t"}) == "cloud events: cannot write event 't': it has no id; set it first");
  CHECK(refused({.id = "1", .type = "t"}, "").ends_with("it has no source; set it first"));
  CHECK(refused({.id = "1\n", .type = "t"}).find("its id holds") != std::string::npos);
  CHECK(refused({.id = "1", .type = "t", .aggregate_id = "\xff"}).find("its aggregate_id holds") != std::string::npos);
}

}  // namespace
}  // namespace eventbus::typed_test
