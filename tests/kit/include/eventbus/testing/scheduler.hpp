// Interleavings of consumers and handlers, chosen by a seed: the same seed, the same order.
//
//   CHECK(explore([](Scheduler& scheduler) {
//     TestBus test({.concurrency = 4}, {.scheduler = &scheduler});
//     ...
//     test.run_until_idle();
//     return test.expect_handled("order", 1);
//   }));
//
// A handler may be interrupted before it begins, around every call that goes to the backend (publishing, asking an
// IdempotencyStore), and wherever it calls interleave(); between those it runs alone, so it needs no locks to be
// tested.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <eventbus/testing/expectation.hpp>

namespace eventbus::testing {

// Threads: one at a time. Lifetime: longer than the buses that it schedules.
class Scheduler {
 public:
  explicit Scheduler(std::uint64_t seed) : seed_(seed), random_(seed) {}
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  std::uint64_t seed() const noexcept { return seed_; }
  // One of 0 to `count` - 1; a test may take its own choices from it too.
  std::size_t choose(std::size_t count) { return static_cast<std::size_t>(random_() % count); }

  // What ran, in order: one line a step of a handler.
  void note(std::string line) {
    std::lock_guard lock(mutex_);
    trace_.push_back(std::move(line));
  }
  const std::vector<std::string>& trace() const noexcept { return trace_; }

 private:
  const std::uint64_t seed_;
  std::mt19937_64 random_;
  std::mutex mutex_;  // guards trace_ while handlers that blocked run side by side
  std::vector<std::string> trace_;
};

// Inside a handler of a TestBus that a Scheduler drives, others may run here. Anywhere else it does nothing.
void interleave();

struct ExploreOptions {
  std::size_t runs = 200;        // one seed each: first_seed and those after it
  std::uint64_t first_seed = 1;  // the environment variable EVENTBUS_TEST_SEED names one that alone is run
};

// Runs `test` with one seed after another until it fails: what it returns is not met, or it throws. The text of a
// failure tells the seed, what failed, and what ran in which order. What a test framework throws, e.g. for a REQUIRE in
// it, is passed on, and the same text goes to stderr.
Expectation explore(const std::function<Expectation(Scheduler&)>& test, ExploreOptions options = {});

}  // namespace eventbus::testing
