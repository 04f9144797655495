// What is encoded and decoded, and how often.
#include <atomic>
#include <thread>

#include <catch2/catch_test_macros.hpp>

#include "shop.hpp"
#include "support.hpp"

namespace eventbus::typed_test {
namespace {

TEST_CASE("a published value is encoded once, and only when bytes are needed") {
  shop::Counted::encoded = 0;
  const Event event = make_event(shop::Counted{4});
  const Event copy = event;
  CHECK(decode<shop::Counted>(copy)->value == 4);
  CHECK(shop::Counted::encoded == 0);
  CHECK(copy.payload.bytes() == R"({"value":4})");
  CHECK(event.payload.bytes() == R"({"value":4})");
  CHECK(shop::Counted::encoded == 1);
}

TEST_CASE("bytes are decoded once for all that ask for the same type") {
  shop::Counted::decoded = 0;
  Event event{.type = "counted", .payload = R"({"value":5})"};
  const auto first = decode<shop::Counted>(event);
  CHECK(decode<shop::Counted>(event) == first);
  CHECK(shop::Counted::decoded == 1);

  SECTION("also after the event was moved") {
    const Event moved = std::move(event);
    CHECK(decode<shop::Counted>(moved) == first);
    CHECK(shop::Counted::decoded == 1);
  }
  SECTION("other types beside it have objects of their own") {
    CHECK(text_of(error_of([&] { decode<shop::OrderShipped>(event); })).ends_with("'tracking_number' is missing"));
    CHECK(decode<shop::OrderCancelled>(event));
    CHECK(decode<shop::Counted>(event) == first);
  }
  SECTION("new bytes are decoded anew, and the old object lives as long as it is wanted") {
    event.payload.assign(R"({"value":6})");
    CHECK(decode<shop::Counted>(event)->value == 6);
    CHECK(first->value == 5);
  }
  SECTION("another registry decodes for itself") {
    EventRegistry registry;
    CHECK(decode<shop::Counted>(event, registry) != first);
    CHECK(shop::Counted::decoded == 2);
  }
}

TEST_CASE("many threads that decode one event get objects that are equal and stay alive") {
  const Event event = [] {
    Event made = make_event(shop::OrderCreated{"c", 2.5, "n"});
    made.payload.assign(std::string(made.payload.bytes()));
    return made;
  }();
  std::atomic<int> right{0};
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&] {
        for (int n = 0; n < 200; ++n) right += *decode<shop::OrderCreated>(event) == shop::OrderCreated{"c", 2.5, "n"};
      });
    }
  }
  CHECK(right == 1600);
}

TEST_CASE("a value published as one type is read as another of the same name through its bytes") {
  Event event = make_event(shop::OrderCreated{"c", 2.5, {}});
  struct Reading {
    static std::string customer(const Event& from) { return decode<shop::OrderCreated>(from)->customer_id; }
  };
  CHECK(event.payload.as<shop::OrderCreated>());
  CHECK_FALSE(event.payload.as<shop::OrderShipped>());
  CHECK(decode<shop::OrderCancelled>(event));  // no field of its own, so every object fits
  CHECK(Reading::customer(event) == "c");
}

TEST_CASE("an event carries its options, and its version where that is not 1") {
  const Event event = make_event(
      shop::detailed::Placed{},
      {.id = "i", .aggregate_id = "a", .aggregate_type = "Order", .aggregate_version = 4, .headers = {{"x", "y"}}});
  CHECK(event.id == "i");
  CHECK(event.aggregate_id == "a");
  CHECK(event.aggregate_type == "Order");
  CHECK(event.aggregate_version == 4);
  CHECK(event.headers == Headers{{"x", "y"}, {"event_version", "3"}});
  CHECK(make_event(shop::OrderCancelled{}).headers.empty());
}

}  // namespace
}  // namespace eventbus::typed_test
