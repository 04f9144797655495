// Structs become JSON, and come back as they were.
#include <cmath>
#include <limits>

#include <catch2/catch_test_macros.hpp>

#include "shop.hpp"
#include "support.hpp"

namespace eventbus::typed_test {
namespace {

using nlohmann::json;
using shop::detailed::Placed;

// What went wrong in reading `text` as a T.
template <class T>
std::string misfit(const std::string& text) {
  return text_of(error_of([&] { decode<T>(Event{.payload = Payload(text)}); }));
}

std::string bytes_of(const Event& event) { return std::string(event.payload.bytes()); }

Placed full() {
  Placed order;
  order.express = true;
  order.lines = {{{7}, 2, 9.5}, {{8}, 1, 0.25}};
  order.currency = shop::Currency::usd;
  order.scores = {{"a", {-128, 127}}, {"b", {}}};
  order.gift = shop::Line{{9}, 1, 0};
  order.due = Timestamp(std::chrono::microseconds(1522949460000001));
  order.gaps = {std::nullopt, std::numeric_limits<std::uint64_t>::max()};
  return order;
}

TEST_CASE("a struct of structs, lists, maps, enums, optionals and times comes back as it was") {
  const Event sent = make_event(full());
  CHECK(sent.type == "order.placed");
  Event received{.type = sent.type, .headers = sent.headers, .payload = Payload(sent.payload.bytes())};
  CHECK(*decode<Placed>(received) == full());
  CHECK(json::parse(sent.payload.bytes())["lines"][1] == json{{"sku", "sku-8"}, {"quantity", 1}, {"price", 0.25}});
  CHECK(json::parse(sent.payload.bytes())["due"] == "2018-04-05T17:31:00.000001Z");
}

TEST_CASE("an empty optional is left out, and may be missing or null") {
  CHECK(bytes_of(make_event(shop::OrderCreated{"c", 1, {}})) == R"({"customer_id":"c","total_amount":1.0})");
  for (const char* text :
       {R"({"customer_id":"c","total_amount":1})", R"({"customer_id":"c","total_amount":1,"note":null})"}) {
    CHECK(decode<shop::OrderCreated>(Event{.payload = text})->note == std::nullopt);
  }
}

TEST_CASE("unknown fields are ignored") {
  const Event event{.payload = R"({"customer_id":"c","total_amount":1,"vip":true})"};
  CHECK(*decode<shop::OrderCreated>(event) == shop::OrderCreated{"c", 1, {}});
}

TEST_CASE("an event without fields needs no payload") {
  CHECK(bytes_of(make_event(shop::OrderCancelled{})) == "{}");
  CHECK(decode<shop::OrderCancelled>(Event{}));
}

TEST_CASE("an error names the event, the field and what was found") {
  CHECK(misfit<shop::OrderCreated>(R"({"customer_id":"c"})") ==
        "typed: cannot decode event 'OrderCreated': field 'total_amount' is missing");
  CHECK(misfit<shop::OrderCreated>(R"({"customer_id":"c","total_amount":"9.99"})") ==
        "typed: cannot decode event 'OrderCreated': field 'total_amount' must be a number, found the text \"9.99\"");
  CHECK(misfit<shop::OrderCreated>(R"({"customer_id":null,"total_amount":1})") ==
        "typed: cannot decode event 'OrderCreated': field 'customer_id' must be text, found null");
  CHECK(misfit<shop::OrderCreated>("[]") ==
        "typed: cannot decode event 'OrderCreated': the payload must be an object, found an array");
  CHECK(misfit<shop::OrderCreated>("{\"customer")
            .starts_with("typed: cannot decode event 'OrderCreated': its payload is no JSON: "));
}

// What went wrong in a version 3 order whose member `pointer` is replaced.
std::string misfit_at(const char* pointer, const json& value) {
  Event event = make_event(full());
  json payload = json::parse(event.payload.bytes());
  payload[json::json_pointer(pointer)] = value;
  event.payload.assign(payload.dump());
  const std::string text = text_of(error_of([&] { decode<Placed>(event); }));
  const std::string before = "typed: cannot decode event 'order.placed': ";
  return text.starts_with(before) ? text.substr(before.size()) : text;
}

TEST_CASE("an error in a nested value tells the way there") {
  CHECK(misfit_at("/lines/1/quantity", 2.5) ==
        "field 'lines[1].quantity' must be a whole number, found the number 2.5");
  CHECK(misfit_at("/lines/0", json::object()) == "field 'lines[0].sku' is missing");
  CHECK(misfit_at("/scores/a/1", 128) == "field 'scores.a[1]' must be between -128 and 127, found the number 128");
  CHECK(misfit_at("/gift/price", true) == "field 'gift.price' must be a number, found the boolean true");
  CHECK(misfit_at("/gaps/0", -1) == "field 'gaps[0]' must be between 0 and 18446744073709551615, found the number -1");
  CHECK(misfit_at("/due", "tomorrow") ==
        "field 'due' must be a time like 2018-04-05T17:31:00Z, found the text \"tomorrow\"");
  CHECK(misfit_at("/lines/0/sku", "x") ==
        "field 'lines[0].sku' cannot be read: a sku begins with 'sku-', found the text \"x\"");
  CHECK(misfit_at("/express", 1) == "field 'express' must be a boolean, found the number 1");
  CHECK(misfit_at("/lines", std::string(100, 'x')) ==
        "field 'lines' must be an array, found the text \"" + std::string(36, 'x') + "...");
}

TEST_CASE("a whole number may be written with a fraction of zero, and is never cut off") {
  CHECK(misfit_at("/lines/0/quantity", 3.0) == "no error");
  CHECK(misfit_at("/lines/0/quantity", 1e300).ends_with("must be a whole number, found the number 1e+300"));
  CHECK(misfit_at("/lines/0/quantity", 4294967296).ends_with("found the number 4294967296"));
}

TEST_CASE("a number that is not finite is refused, naming its field") {
  auto encode = [](Placed order) { return text_of(error_of([&] { bytes_of(make_event(order)); })); };
  Placed order = full();
  order.lines[1].price = std::nan("");
  CHECK(encode(order) ==
        "typed: cannot encode event 'order.placed': field 'lines[1].price' is no finite number, which JSON can't "
        "express");
}

TEST_CASE("text that is not UTF-8 is refused") {
  const Event event = make_event(shop::OrderShipped{"\xff"});
  const auto error = error_of([&] { bytes_of(event); });
  REQUIRE(error);
  CHECK(error->code() == ErrorCode::invalid_argument);
  CHECK(text_of(error).starts_with("typed: cannot encode event 'OrderShipped': "));
}

struct Tree {
  std::vector<Tree> children;
};
EVENTBUS_EVENT(Tree, children)

TEST_CASE("a value that is nested too deeply is an error, not a crash") {
  std::string text;
  for (int i = 0; i < 100000; ++i) text += R"({"children":[)";
  for (int i = 0; i < 100000; ++i) text += "]}";
  CHECK(misfit<Tree>(text).ends_with("is nested too deeply"));
  CHECK(misfit<Tree>(R"({"children":[{"children":[]},{"children":[]}]})") == "no error");
}

TEST_CASE("a struct with fields is a value for nlohmann_json as well") {
  const json value = shop::OrderShipped{"t-1"};
  CHECK(value == json{{"tracking_number", "t-1"}});
  CHECK(value.get<shop::OrderShipped>() == shop::OrderShipped{"t-1"});
}

}  // namespace
}  // namespace eventbus::typed_test
