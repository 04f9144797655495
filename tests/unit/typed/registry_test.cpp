// Names to types, and old versions to new ones.
#include <catch2/catch_test_macros.hpp>

#include "shop.hpp"
#include "support.hpp"

namespace eventbus::typed_test {
namespace {

using nlohmann::json;

struct Paid {  // version 1 had `amount` in whole units, version 2 has `cents`, version 3 names the currency as well
  int cents = 0;
  std::string currency;
};
EVENTBUS_EVENT_VERSION(Paid, 3, cents, currency)

struct AlsoPaid {};
EVENTBUS_EVENT_NAMED(AlsoPaid, "Paid", 1)

void add_steps(EventRegistry& registry) {
  registry.upcast<Paid>(1, [](json old) { return json{{"cents", old.at("amount").get<int>() * 100}}; });
  registry.upcast<Paid>(2, [](json old) {
    old["currency"] = "EUR";
    return old;
  });
}

Event paid(const char* version, const char* payload) {
  Event event{.type = "Paid", .payload = payload};
  if (version) event.headers.set(header::event_version, version);
  return event;
}

TEST_CASE("an old event takes every step from its version to the type's") {
  EventRegistry registry;
  add_steps(registry);
  const auto first = decode<Paid>(paid(nullptr, R"({"amount": 7})"), registry);
  CHECK(first->cents == 700);
  CHECK(first->currency == "EUR");
  CHECK(decode<Paid>(paid("2", R"({"cents": 5})"), registry)->currency == "EUR");
  CHECK(decode<Paid>(paid("3", R"({"cents": 5, "currency": "USD"})"), registry)->currency == "USD");
}

TEST_CASE("a version with no way to the type's is refused, saying which step is missing") {
  EventRegistry registry;
  auto refusal = [&](const Event& event) { return text_of(error_of([&] { decode<Paid>(event, registry); })); };
  CHECK(refusal(paid("1", "{}")) ==
        "typed: cannot decode event 'Paid': it is of version 1, and there is no upcaster from 1 to 2; add one with "
        "EventRegistry::upcast");
  registry.upcast<Paid>(1, [](json old) { return old; });
  CHECK(refusal(paid("1", "{}")).find("no upcaster from 2 to 3") != std::string::npos);
  CHECK(refusal(paid("4", "{}")) ==
        "typed: cannot decode event 'Paid': it is of version 4, and this program knows 3; deploy its consumers before "
        "its publishers");
  CHECK(refusal(paid("three", "{}")) ==
        "typed: cannot decode event 'Paid': its header event_version is 'three'; a whole number from 1 on is allowed");
  CHECK(refusal(paid("0", "{}")).find("'0'") != std::string::npos);
}

TEST_CASE("an upcaster that throws is an error that names the step") {
  EventRegistry registry;
  add_steps(registry);
  const auto error = error_of([&] { decode<Paid>(paid("1", "{}"), registry); });
  REQUIRE(error);
  CHECK(error->code() == ErrorCode::invalid_argument);
  CHECK(text_of(error).starts_with("typed: cannot decode event 'Paid': the upcaster from version 1 failed: "));
}

TEST_CASE("a name is registered once") {
  EventRegistry registry;
  registry.add<Paid>();
  for (const auto& error : {error_of([&] { registry.add<AlsoPaid>(); }), error_of([&] { registry.add<Paid>(); })}) {
    REQUIRE(error);
    CHECK(error->code() == ErrorCode::conflict);
    CHECK(text_of(error).starts_with("event registry: cannot add 'Paid': the name is registered already"));
  }
  registry.upcast<Paid>(1, [](json old) { return old; });
  const auto twice = error_of([&] { registry.upcast<Paid>(1, [](json old) { return old; }); });
  REQUIRE(twice);
  CHECK(twice->code() == ErrorCode::conflict);
  CHECK(error_of([&] { registry.upcast<Paid>(0, [](json old) { return old; }); })->code() ==
        ErrorCode::invalid_argument);
  CHECK(error_of([&] { registry.upcast<Paid>(2, {}); })->code() == ErrorCode::invalid_argument);
}

TEST_CASE("a registry lists its names, versions and upcasters") {
  EventRegistry registry;
  registry.add<shop::OrderCreated, Paid>();
  add_steps(registry);
  registry.upcast("Unregistered", 1, [](json old) { return old; });
  const auto entries = registry.entries();
  REQUIRE(entries.size() == 3);
  CHECK(entries[0].name == "OrderCreated");
  CHECK(entries[0].version == 1);
  CHECK(entries[0].upcast_from.empty());
  CHECK(entries[1].name == "Paid");
  CHECK(entries[1].version == 3);
  CHECK(entries[1].upcast_from == std::vector<int>{1, 2});
  CHECK(entries[2].version == 0);
  CHECK(registry.contains("Paid"));
  CHECK_FALSE(registry.contains("Unregistered"));
}

TEST_CASE("a registry decodes any event into its registered type") {
  EventRegistry registry;
  registry.add<shop::OrderCreated, Paid>();
  add_steps(registry);
  const DecodedEvent old = registry.decode(paid("1", R"({"amount": 2})"));
  CHECK(old.name() == "Paid");
  CHECK(old.type() == typeid(Paid));
  REQUIRE(old.as<Paid>());
  CHECK(old.as<Paid>()->cents == 200);
  CHECK_FALSE(old.as<shop::OrderCreated>());

  const Event published = make_event(shop::OrderCreated{"c", 1, {}});
  CHECK(registry.decode(published).as<shop::OrderCreated>() == published.payload.as<shop::OrderCreated>());

  const auto unknown = error_of([&] { registry.decode(Event{.type = "Other"}); });
  REQUIRE(unknown);
  CHECK(unknown->code() == ErrorCode::not_found);
}

TEST_CASE("the process has one registry of its own") {
  CHECK(&EventRegistry::process() == &EventRegistry::process());
  EventRegistry mine;
  mine.add<shop::OrderShipped>();
  CHECK_FALSE(EventRegistry::process().contains("OrderShipped"));
}

}  // namespace
}  // namespace eventbus::typed_test
