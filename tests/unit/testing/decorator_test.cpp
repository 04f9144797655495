// A decorator of a test's own.
#include <catch2/catch_test_macros.hpp>

#include <eventbus/open_bus.hpp>
#include <eventbus/testing/backend_decorator.hpp>

#include "orders.hpp"

namespace eventbus::testing {
namespace {

class CountsAppends final : public BackendDecorator {
 public:
  CountsAppends(std::unique_ptr<Backend> inside, int& count) : BackendDecorator(std::move(inside)), count_(count) {}
  void append(std::span<Event> events, std::span<AppendResult> results) override {
    count_ += static_cast<int>(events.size());
    BackendDecorator::append(events, results);
  }

 private:
  int& count_;
};

TEST_CASE("a decorator hands on what it does not override, facets included") {
  int appended = 0;
  BusConfig config;
  config.backends["memory"] = R"({"broker": "decorated"})";
  auto plain = open_bus(config);
  auto bus = open_decorated_bus(config, [&](std::unique_ptr<Backend> inside, const BackendSettings&, BackendHost&) {
    return std::make_unique<CountsAppends>(std::move(inside), appended);
  });
  bus->connect();
  bus->publish(order());
  bus->publish_all({order(), order()});
  CHECK(appended == 3);
  CHECK(bus->history().entries.size() == 3);
  CHECK(bus->stream_info().length == 3);
  CHECK(bus->dead_letters().entries.empty());
  CHECK(bus->capabilities().idempotency == plain->capabilities().idempotency);
  CHECK(bus->idempotency_store() != nullptr);
}

}  // namespace
}  // namespace eventbus::testing
