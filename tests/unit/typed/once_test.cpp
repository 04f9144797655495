// Duplicates run once, within the limits that once.hpp tells.
#include <atomic>
#include <thread>

#include <catch2/catch_test_macros.hpp>

#include <eventbus/once.hpp>
#include <eventbus/open_bus.hpp>
#include <eventbus/typed.hpp>

#include "shop.hpp"
#include "store_contract.hpp"
#include "support.hpp"

namespace eventbus::typed_test {
namespace {

using namespace std::chrono_literals;

struct Clock {
  std::chrono::steady_clock::time_point time{};
  InMemoryIdempotencyStore::Clock function() {
    return [this] { return time; };
  }
};

BusConfig inline_config(const std::string& broker, const std::string& group = "g") {
  BusConfig config;
  config.consumer_group = group;
  config.log_level = "off";
  config.max_retries = 1;
  config.retry.initial = 1ms;
  config.backends["memory"] = R"({"dispatch": "inline", "broker": ")" + broker + "\"}";
  return config;
}
std::unique_ptr<EventBus> inline_bus(const std::string& broker, const std::string& group = "g") {
  auto bus = open_bus(inline_config(broker, group));
  bus->connect();
  return bus;
}

Event event(const char* id) { return {.id = id, .type = "T"}; }

TEST_CASE("a store in memory keeps what a store must") {
  Clock clock;
  InMemoryIdempotencyStore store(100, clock.function());
  check_store(store, [&](auto condition) {
    clock.time += 50ms;
    return condition();
  });
}

TEST_CASE("the memory backend's store keeps what a store must") {
  auto bus = inline_bus("once store");
  auto store = bus->idempotency_store();
  check_store(*store, [](auto condition) {
    for (const auto end = std::chrono::steady_clock::now() + deadline; std::chrono::steady_clock::now() < end;) {
      if (condition()) return true;
      std::this_thread::yield();
    }
    return false;
  });
}

TEST_CASE("a store in memory is bounded, and gives up what it would forget first") {
  Clock clock;
  InMemoryIdempotencyStore store(3, clock.function());
  CHECK(store.begin("claimed", "one", 1ms) == Claim::fresh);
  for (const char* key : {"a", "b", "c"}) {
    clock.time += 100us;
    store.finish(key, 60s);
  }
  CHECK(store.size() == 3);
  CHECK(store.begin("b", "one", 60s) == Claim::done);
  CHECK(store.begin("c", "one", 60s) == Claim::done);
  CHECK(store.begin("claimed", "two", 60s) == Claim::busy);
  CHECK(store.begin("a", "one", 60s) == Claim::fresh);
}

TEST_CASE("a duplicate is acknowledged unrun, within the window") {
  Clock clock;
  auto store = std::make_shared<InMemoryIdempotencyStore>(100, clock.function());
  int calls = 0;
  auto bus = inline_bus("once window");
  auto subscription =
      bus->subscribe("T", once(Handler("count", [&](const Event&) { ++calls; }), store, {.window = 1h}));
  bus->start_consuming();
  bus->publish(event("1"));
  bus->publish(event("1"));
  bus->publish(event("2"));
  CHECK(calls == 2);
  clock.time += 1h;
  bus->publish(event("1"));
  CHECK(calls == 3);
  bus->stop_consuming();
  CHECK(bus->stats().success == 4);
}

TEST_CASE("each handler and each group does its own") {
  auto store = std::make_shared<InMemoryIdempotencyStore>();
  int first = 0, second = 0, elsewhere = 0;
  auto bus = inline_bus("once each", "one");
  auto other = inline_bus("once each", "two:a");
  auto a = bus->subscribe("T", once(Handler("a", [&](const Event&) { ++first; }), store));
  auto b = bus->subscribe("T", once(Handler("b", [&](const Event&) { ++second; }), store));
  Watch watch;
  auto c = other->subscribe("T", once(Handler("a", [&](const Event&) { watch.change([&] { ++elsewhere; }); }), store));
  bus->start_consuming();
  other->start_consuming();
  bus->publish(event("1"));
  bus->publish(event("1"));
  CHECK(first == 1);
  CHECK(second == 1);
  CHECK(watch.wait([&] { return elsewhere == 1 && other->stats().success == 2; }));
}

TEST_CASE("a failed attempt is not remembered: the retry runs") {
  Watch watch;
  int calls = 0;
  auto store = std::make_shared<InMemoryIdempotencyStore>();
  auto bus = inline_bus("once failed");
  auto subscription = bus->subscribe("T", once(Handler("fragile",
                                                       [&](const Event&) {
                                                         watch.change([&] { ++calls; });
                                                         if (calls == 1) throw std::runtime_error("not yet");
                                                       }),
                                               store));
  bus->start_consuming();
  bus->publish(event("1"));
  REQUIRE(watch.wait([&] { return calls == 2; }));
  bus->stop_consuming();
  bus->start_consuming();
  bus->publish(event("1"));
  CHECK(calls == 2);
}

TEST_CASE("a dead letter is not remembered: its replay runs") {
  Watch watch;
  int calls = 0;
  auto store = std::make_shared<InMemoryIdempotencyStore>();
  auto bus = inline_bus("once dead");
  auto subscription = bus->subscribe("T", once(Handler("strict",
                                                       [&](const Event&) {
                                                         watch.change([&] { ++calls; });
                                                         return calls == 1 ? Outcome::dead_letter("no") : Outcome();
                                                       }),
                                               store));
  bus->start_consuming();
  bus->publish(event("1"));
  bus->stop_consuming();
  const auto letters = bus->dead_letters();
  REQUIRE(letters.entries.size() == 1);
  bus->start_consuming();
  REQUIRE(bus->replay_dead_letter(letters.entries[0].position));
  CHECK(watch.wait([&] { return calls == 2; }));
}

TEST_CASE("a duplicate of what is running is released, at no attempt's cost, and acknowledged once that is done") {
  Watch watch;
  int calls = 0;
  auto store = std::make_shared<InMemoryIdempotencyStore>();
  auto bus = inline_bus("once busy");
  auto subscription =
      bus->subscribe("T", once(Handler("slow", [&](const Event&) { watch.change([&] { ++calls; }); }), store));
  CHECK(store->begin("g:slow:1", "another consumer", 60s) == Claim::fresh);
  bus->start_consuming();
  bus->publish(event("1"));
  CHECK(calls == 0);
  bus->publish(event("2"));
  CHECK(calls == 1);
  store->finish("g:slow:1", 60s);
  bus->stop_consuming();
  CHECK(bus->stats().released >= 1);
  CHECK(bus->stats().failed == 0);
}

TEST_CASE("a deferred outcome decides when it comes") {
  Deferred deferred;
  int calls = 0;
  auto store = std::make_shared<InMemoryIdempotencyStore>();
  auto bus = inline_bus("once deferred");
  auto subscription = bus->subscribe("T", once(Handler("later",
                                                       [&](const Event&, const Delivery& delivery) {
                                                         ++calls;
                                                         deferred = delivery.defer();
                                                       }),
                                               store));
  bus->start_consuming();
  bus->publish(event("1"));
  CHECK(store->begin("g:later:1", "x", 60s) == Claim::busy);
  SECTION("acknowledged: remembered") {
    CHECK(deferred.settle(Outcome::ack()));
    CHECK(store->begin("g:later:1", "x", 60s) == Claim::done);
  }
  SECTION("refused: free again") {
    CHECK(deferred.settle(Outcome::dead_letter("no")));
    CHECK(store->begin("g:later:1", "x", 60s) == Claim::fresh);
  }
  SECTION("dropped: free again") {
    deferred = Deferred();
    CHECK(store->begin("g:later:1", "x", 60s) == Claim::fresh);
  }
  bus->stop_consuming();
}

// Fails in what it is told to.
struct Failing final : IdempotencyStore {
  bool at_begin = false;
  Claim begin(std::string_view, std::string_view, std::chrono::milliseconds) override {
    if (at_begin) throw Error(ErrorCode::unavailable, "store: gone");
    return Claim::fresh;
  }
  void finish(std::string_view, std::chrono::milliseconds) override {
    throw Error(ErrorCode::unavailable, "store: gone");
  }
  void cancel(std::string_view, std::string_view) override {}
};

TEST_CASE(
    "where the store can't be asked the attempt failed; where it can't remember, the outcome stands and is told") {
  auto store = std::make_shared<Failing>();
  std::vector<std::string> told;
  int calls = 0;
  auto bus = inline_bus("once store fails");
  auto subscription =
      bus->subscribe("T", once(Handler("h", [&](const Event&) { ++calls; }), store,
                               {.on_store_error = [&](const Error& error) { told.emplace_back(error.what()); }}));
  bus->start_consuming();
  SECTION("finishing fails") {
    bus->publish(event("1"));
    bus->stop_consuming();
    CHECK(calls == 1);
    CHECK(bus->stats().success == 1);
    CHECK(told == std::vector<std::string>{"once: cannot settle 'g:h:1': a duplicate may run again: store: gone"});
  }
  SECTION("beginning fails") {
    store->at_begin = true;
    bus->publish(event("1"));
    bus->stop_consuming();
    CHECK(calls == 0);
    CHECK(bus->stats().handler_errors >= 1);
    CHECK(bus->stats().success == 0);
  }
}

TEST_CASE("what can't be wrapped is refused") {
  auto store = std::make_shared<InMemoryIdempotencyStore>();
  auto refusal = [](auto call) { return text_of(error_of(call)); };
  CHECK(refusal([&] { once(Handler(), store); }) == "once: cannot wrap an empty handler; give a callable");
  CHECK(refusal([&] { once([](const Event&) {}, store); }).starts_with("once: cannot wrap a handler without a name"));
  CHECK(refusal([&] { once(Handler("h", [](const Event&) {}), nullptr); }) ==
        "once: cannot wrap 'h': there is no store; give one");
}

TEST_CASE("a typed handler runs once with the store that goes with the bus, whichever bus of the stream asks") {
  std::atomic<int> calls{0};
  auto keeper = inline_bus("once with the bus", "another");  // the stream lives as long as one of them
  for (int life = 0; life < 2; ++life) {
    auto bus = inline_bus("once with the bus");
    REQUIRE(bus->capabilities().idempotency);
    auto subscription = bus->subscribe<shop::OrderShipped>(
        once(typed_handler<shop::OrderShipped>("mailer", [&](const shop::OrderShipped&) { ++calls; }),
             bus->idempotency_store()));
    bus->start_consuming();
    publish(*bus, shop::OrderShipped{"t"}, {.id = "e-1"});
    bus->stop_consuming();
    CHECK(bus->stats().success == 1);
  }
  CHECK(calls == 1);
}

TEST_CASE("a store of a bus that is gone says so") {
  std::shared_ptr<IdempotencyStore> store;
  {
    auto bus = inline_bus("once gone");
    store = bus->idempotency_store();
    bus->disconnect();
    CHECK(error_of([&] { store->begin("k", "o", 1s); })->code() == ErrorCode::closed);
  }
  const auto error = error_of([&] { store->begin("k", "o", 1s); });
  REQUIRE(error);
  CHECK(error->code() == ErrorCode::closed);
}

}  // namespace
}  // namespace eventbus::typed_test
