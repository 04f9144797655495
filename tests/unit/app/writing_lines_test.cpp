#include <catch2/catch_test_macros.hpp>

#include "ndjson.hpp"

namespace eventbus::app {
namespace {

class NothingDeferred final : public eventbus::detail::DeliveryState {
 public:
  std::shared_ptr<eventbus::detail::DeferredState> defer() override { return nullptr; }
};

std::string line_for(const Event& event) {
  NothingDeferred state;
  return line_from(event, Delivery({5, 1}, 2, "workers", "worker-1", state));
}

Event with_payload(std::string payload) {
  Event event;
  event.type = "OrderCreated";
  event.id = "e-1";
  event.payload = std::move(payload);
  return event;
}

TEST_CASE("a line is one JSON object that ends with a newline") {
  const std::string line = line_for(with_payload("{\n  \"total\": 1\r\n}"));
  CHECK(line.find('\n') == line.size() - 1);
  CHECK(Json::parse(line).is_object());
}

TEST_CASE("a line tells of the delivery and the event") {
  Event event = with_payload(R"({"total": 1})");
  event.aggregate_id = "order-7";
  event.headers.set("tenant_id", "acme");
  const Json object = Json::parse(line_for(event));
  CHECK(object["position"] == "5-1");
  CHECK(object["attempt"] == 2);
  CHECK(object["group"] == "workers");
  CHECK(object["consumer"] == "worker-1");
  CHECK(object["type"] == "OrderCreated");
  CHECK(object["id"] == "e-1");
  CHECK(object["aggregate_id"] == "order-7");
  CHECK(object["headers"]["tenant_id"] == "acme");
  CHECK(object["data"]["total"] == 1);
  CHECK_FALSE(object.contains("aggregate_type"));
}

TEST_CASE("a payload that is no JSON is printed as data_base64, an empty one not at all") {
  const Json bytes = Json::parse(line_for(with_payload(std::string("\0\xFF\n", 3))));
  CHECK(bytes["data_base64"] == "AP8K");
  CHECK_FALSE(bytes.contains("data"));
  const Json nothing = Json::parse(line_for(with_payload("")));
  CHECK_FALSE(nothing.contains("data"));
  CHECK_FALSE(nothing.contains("data_base64"));
}

TEST_CASE("a printed event can be read again, byte for byte") {
  for (const std::string& payload :
       {std::string(R"({"n": 12345678901234567890123, "x": 1.50})"), std::string("\xC3\x28"), std::string("text"),
        std::string("\0", 1), std::string("\xEF\xBB\xBF{}"), std::string()}) {
    Event event = with_payload(payload);
    event.aggregate_type = "Order";
    event.aggregate_version = -1;
    event.occurred_at = time_from("2026-11-23T01:02:03.000004Z", "occurred_at");
    event.headers.set("empty", "");
    event.headers.set("tab", "a\tb\n");
    const Event again = event_from_line(line_for(event));
    CHECK(again.type == event.type);
    CHECK(again.id == event.id);
    CHECK(again.aggregate_type == event.aggregate_type);
    CHECK(again.aggregate_version == event.aggregate_version);
    CHECK(again.occurred_at == event.occurred_at);
    CHECK(again.headers == event.headers);
    CHECK(again.payload.bytes() == event.payload.bytes());
  }
}

}  // namespace
}  // namespace eventbus::app
