#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <eventbus/error.hpp>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "engine/registry.hpp"

using eventbus::Event;
using eventbus::Handler;
using eventbus::host::Registry;

namespace {
Handler nothing() {
  return Handler([](const Event&) {});
}
std::uint64_t add(Registry& registry, std::vector<std::string> types, Handler handler = nothing()) {
  return registry.add(types, std::move(handler));
}
}  // namespace

TEST_CASE("handlers of a type stand before wildcard ones, in the order of registration", "[registry]") {
  Registry registry;
  Registry::Reader reader;
  std::uint64_t wild = add(registry, {});
  std::uint64_t first = add(registry, {"A", "B"});
  std::uint64_t second = add(registry, {"A"});
  const auto& entries = reader.current(registry).find("A");
  REQUIRE(entries.size() == 3);
  CHECK(entries[0]->id() == first);
  CHECK(entries[1]->id() == second);
  CHECK(entries[2]->id() == wild);
  CHECK(reader.current(registry).find("C").size() == 1);
  CHECK(registry.count() == 3);
  CHECK(registry.count("A") == 2);
  CHECK(registry.wildcard_count() == 1);
}

TEST_CASE("an ended subscription's handler is destroyed at once, though readers still hold the table", "[registry]") {
  Registry registry;
  Registry::Reader reader;
  auto watched = std::make_shared<int>(1);
  std::uint64_t id = add(registry, {"A"}, Handler([watched](const Event&) {}));
  CHECK(reader.current(registry).find("A").size() == 1);
  CHECK(watched.use_count() == 2);
  registry.remove(id, true);
  CHECK(watched.use_count() == 1);
}

TEST_CASE("a handler that ends its own subscription is destroyed after it returns", "[registry]") {
  Registry registry;
  Registry::Reader reader;
  auto watched = std::make_shared<int>(1);
  std::uint64_t id = add(registry, {"A"}, Handler([watched](const Event&) {}));
  auto entry = reader.current(registry).find("A").front();
  REQUIRE(entry->enter());
  registry.remove(id, false);
  CHECK(watched.use_count() == 2);
  entry->leave();
  CHECK(watched.use_count() == 1);
  CHECK_FALSE(entry->enter());
}

TEST_CASE("ending a subscription waits for its running call", "[registry]") {
  Registry registry;
  Registry::Reader reader;
  std::uint64_t id = add(registry, {"A"});
  auto entry = reader.current(registry).find("A").front();
  REQUIRE(entry->enter());
  std::atomic<bool> left{false};
  std::thread runner([&] {
    left = true;
    entry->leave();
  });
  registry.remove(id, true);
  CHECK(left.load());
  runner.join();
}

TEST_CASE("an empty handler and an empty type are refused", "[registry]") {
  Registry registry;
  CHECK_THROWS_AS(add(registry, {"A"}, Handler()), eventbus::Error);
  CHECK_THROWS_AS(add(registry, {""}), eventbus::Error);
  CHECK(registry.empty());
}
