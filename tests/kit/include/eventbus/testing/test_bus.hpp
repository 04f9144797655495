// A bus over the memory backend without threads and by a virtual clock: the test decides what runs when. It is the
// engine of production, driven: groups, retries, leases, recovery and dead letters are the same.
//
// Threads: one at a time uses a TestBus, its bus, and those beside it. Handlers run on the calling thread.
// Lifetime: broker and clock live as long as one TestBus on them; what it holds is gone with the last.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <eventbus/config.hpp>
#include <eventbus/event_bus.hpp>
#include <eventbus/testing/expectation.hpp>
#include <eventbus/testing/virtual_clock.hpp>

namespace eventbus::testing {

class TestBus {
 public:
  // Connected and consuming, on a broker and a clock of its own. `config` may say all but the backend, whose section
  // `memory` may say all but the broker. Throws as open_bus does.
  explicit TestBus(BusConfig config = {});
  // Another bus on the broker and the clock of `beside`, e.g. another consumer of its group, or another group.
  TestBus(BusConfig config, const TestBus& beside);
  ~TestBus();

  EventBus& bus() noexcept;
  VirtualClock& clock() noexcept;

  // One turn of this bus: its consumer, and the handlers of one delivery. False: there was nothing to do at this time.
  bool step();
  // Runs this bus and all beside it, and moves the clock to each retry or settlement that is due, until none waits.
  // What waits for a lease to end is not waited for: see advance(). Throws Error (timed_out) after `max_steps`.
  void run_until_idle(std::size_t max_steps = 100000);
  // Lets time pass for this bus and all beside it, with every timer on the way: renewals, claims, sweeps, retries.
  // Throws as run_until_idle does.
  void advance(std::chrono::milliseconds time, std::size_t max_steps = 100000);
  // Ends the bus as a killed process ends: nothing is released, so what it held is recovered after its lease.
  void crash() noexcept;

  // Everything in the stream, in order; and what of it is of one type.
  std::vector<Event> published() const;
  std::vector<Event> published(std::string_view type) const;
  std::vector<DeadLetter> dead_letters() const;

  // Whether exactly `count` events of `type` were published for which `wanted` holds, all of them if it is empty. The
  // text of a failure tells what came, what was expected, and the nearest miss.
  using Predicate = std::function<bool(const Event&)>;
  Expectation expect_published(std::string_view type, std::size_t count, const Predicate& wanted = {}) const;
  // The same of dead letters whose reason holds `reason`.
  Expectation expect_dead_letters(std::size_t count, std::string_view reason = {}) const;

 private:
  struct World;
  struct State;
  TestBus(BusConfig config, std::shared_ptr<World> world);
  std::unique_ptr<State> state_;
};

}  // namespace eventbus::testing
