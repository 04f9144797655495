// Receives that wait, and what ends them. Each waits for longer than any test may take, so that it ends by what is
// tested or the test is too slow to pass.
#include <catch2/catch_test_macros.hpp>

#include "calls.hpp"
#include "driver.hpp"

namespace eventbus::driver_tests {
using namespace under_test;

TEST_CASE("a receive that waits is ended by an append of another backend") {
  Fixture fixture;
  Driver consumer = fixture.consumer("g", "c");
  Driver publisher = fixture.publisher();
  auto got = started([&] { return consumer.receive(10, long_wait); });
  publisher.publish("a");
  REQUIRE(ended(got));
  CHECK(types_of(got.get()) == Types{"a"});
}

TEST_CASE("a receive returns empty after its wait") {
  Fixture fixture;
  Driver consumer = fixture.consumer("g", "c");
  auto begin = std::chrono::steady_clock::now();
  CHECK(consumer.receive(10, 20ms).empty());
  CHECK(std::chrono::steady_clock::now() - begin >= 20ms);
}

TEST_CASE("a receive with max 0 returns when there is something, and takes nothing") {
  Fixture fixture;
  Driver consumer = fixture.consumer("g", "c");
  Driver publisher = fixture.publisher();
  auto waited = started([&] { return consumer.receive(0, long_wait); });
  publisher.publish("a");
  REQUIRE(ended(waited));
  CHECK(waited.get().empty());
  CHECK(consumer.receive(0, long_wait).empty());
  CHECK(consumer.receive(1).size() == 1);
}

TEST_CASE("wake ends the current receive, or else the next, once") {
  Fixture fixture;
  Driver consumer = fixture.consumer("g", "c");
  consumer.backend->wake();
  auto sticky = started([&] { return consumer.receive(10, long_wait); });
  REQUIRE(ended(sticky));
  CHECK(sticky.get().empty());
  CHECK(consumer.receive(10, 5ms).empty());  // the wake is used up: this one waits
  auto current = started([&] { return consumer.receive(10, long_wait); });
  consumer.backend->wake();
  REQUIRE(ended(current));
}

TEST_CASE("a receive that does not wait leaves a wake for the one that does") {
  Fixture fixture;
  Driver consumer = fixture.consumer("g", "c");
  consumer.backend->wake();
  consumer.receive(10, 0ms);
  auto sticky = started([&] { return consumer.receive(10, long_wait); });
  REQUIRE(ended(sticky));
}

TEST_CASE("wake ends both a receive and the one with max 0 that overlaps it") {
  Fixture fixture;
  Driver consumer = fixture.consumer("g", "c");
  auto knows = started([&] { return consumer.receive(0, long_wait); });
  auto takes = started([&] { return consumer.receive(1, long_wait); });
  auto over = [](auto& call) { return call.wait_for(1ms) == std::future_status::ready; };
  while (!over(knows) || !over(takes)) consumer.backend->wake();
  CHECK(takes.get().empty());
}

TEST_CASE("one append of two events feeds two waiting consumers that take one each") {
  Fixture fixture;
  Driver one = fixture.consumer("g", "one");
  Driver two = fixture.consumer("g", "two");
  auto first = started([&] { return one.receive(1, long_wait); });
  auto second = started([&] { return two.receive(1, long_wait); });
  Driver publisher = fixture.publisher();
  std::vector<Event> events(2);
  std::vector<AppendResult> results(2);
  publisher.backend->append(events, results);
  REQUIRE(ended(first));
  REQUIRE(ended(second));
  CHECK(first.get().size() + second.get().size() == 2);
}

TEST_CASE("a replay ends a receive that waits") {
  Fixture fixture;
  Driver consumer = fixture.consumer("g", "c");
  consumer.publish("a");
  consumer.bury(consumer.receive().at(0).token);
  auto got = started([&] { return consumer.receive(10, long_wait); });
  consumer.backend->dead_letter_store()->replay({1, 0}, "");
  REQUIRE(ended(got));
  CHECK(got.get().size() == 1);
}

TEST_CASE("settlements are answered before the wait begins") {
  Fixture fixture;
  Driver consumer = fixture.consumer("g", "c");
  consumer.publish("a");
  std::vector<Settlement> due{{.token = consumer.receive().at(0).token}};
  struct Waker final : ReceiveSink {
    explicit Waker(std::promise<void>& answered) : answered_(answered) {}
    void delivered(std::span<const DeliveryView>) override {}
    void settled(std::span<const SettleResult>) override { answered_.set_value(); }
    std::promise<void>& answered_;
  };
  std::promise<void> answered;
  auto receiving = started([&] {
    Waker sink(answered);
    consumer.backend->receive(10, long_wait, due, sink);
  });
  auto answer = answered.get_future();
  REQUIRE(ended(answer));
  consumer.backend->wake();
  REQUIRE(ended(receiving));
}

}  // namespace eventbus::driver_tests
