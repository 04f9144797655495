// A bus over the memory backend without threads and by a virtual clock: the test decides what runs when. It is the
// engine of production, driven: groups, retries, leases, recovery and dead letters are the same.
//
// Threads: one at a time uses a TestBus, its bus, and those beside it. Handlers run on the calling thread, or, under a
// Scheduler, on threads of which one at a time runs while the caller waits.
// Lifetime: broker and clock live as long as one TestBus on them; what it holds is gone with the last. Under a
// Scheduler a subscription ends only while no handler is suspended, e.g. after run_until_idle() or crash().
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <eventbus/config.hpp>
#include <eventbus/event_bus.hpp>
#include <eventbus/testing/expectation.hpp>
#include <eventbus/testing/fault_plan.hpp>
#include <eventbus/testing/scheduler.hpp>
#include <eventbus/testing/virtual_clock.hpp>

namespace eventbus::testing {

struct TestOptions {
  // Every event is encoded when it is published and decoded when it is handed out, as on a backend that leaves the
  // process: what can't be encoded is refused, and handlers get no object of the publisher.
  bool round_trip = false;
  std::shared_ptr<FaultPlan> faults = nullptr;  // of this bus alone; its delays pass on the virtual clock
  Scheduler* scheduler = nullptr;               // of this bus and all beside it, which take it from the first
};

// One call of a handler that came to its end.
struct Handled {
  Event event;
  std::string handler;
  std::uint32_t attempt = 1;
  std::optional<Outcome> outcome;  // a throw is a retry; nullopt: deferred
  std::string why;                 // of a retry or a dead letter

  bool done() const noexcept { return outcome && outcome->kind() == Outcome::Kind::ack; }
};

class TestBus {
 public:
  // Connected and consuming, on a broker and a clock of its own. `config` may say all but the backend, whose section
  // `memory` may say all but the broker; consumers without a name are `consumer-1`, `consumer-2` and so on. Throws as
  // open_bus does.
  explicit TestBus(BusConfig config = {}, TestOptions options = {});
  // Another bus on the broker, the clock and the scheduler of `beside`, e.g. another consumer of its group, or another
  // group.
  TestBus(BusConfig config, const TestBus& beside, TestOptions options = {});
  ~TestBus();

  EventBus& bus() noexcept;
  VirtualClock& clock() noexcept;

  // One turn of this bus: its consumer, and the handlers of one delivery. Under a Scheduler, of this bus or one beside
  // it: one of these, or of a handler the part up to its next interleaving. False: there was nothing to do at this
  // time.
  bool step();
  // Runs this bus and all beside it, and moves the clock to each retry or settlement that is due, until none waits.
  // What waits for a lease to end is not waited for: see advance(). Throws Error (timed_out) after `max_steps`.
  void run_until_idle(std::size_t max_steps = 100000);
  // Lets time pass for this bus and all beside it, with every timer on the way: renewals, claims, sweeps, retries.
  // Throws as run_until_idle does.
  void advance(std::chrono::milliseconds time, std::size_t max_steps = 100000);

  // Ends the bus as a killed process ends: nothing is released, so what it held is recovered after its lease.
  void crash() noexcept;
  bool crashed() const noexcept;
  // A new process under the same name: crashes the bus if it runs, and begins anew. Subscriptions are gone, as is what
  // bus() gave before.
  void restart();
  // The process stands still: it is not run, while others are, and time passes. Its leases run out.
  void pause() noexcept;
  void resume() noexcept;

  // Everything in the stream, in order; what of it is of one type; and that as objects (eventbus/testing/typed.hpp).
  std::vector<Event> published() const;
  std::vector<Event> published(std::string_view type) const;
  template <class T>
  std::vector<T> published() const;
  // The calls of handlers of this bus that ended, in that order, restarts included.
  const std::vector<Handled>& handled() const noexcept;
  std::vector<DeadLetter> dead_letters() const;

  // Whether exactly `count` events of `type` were published for which `wanted` holds, all of them if it is empty. The
  // text of a failure tells what came, what was expected, and the nearest miss.
  using Predicate = std::function<bool(const Event&)>;
  Expectation expect_published(std::string_view type, std::size_t count, const Predicate& wanted = {}) const;
  template <class T>
  Expectation expect_published(std::size_t count, const std::function<bool(const T&)>& wanted = {}) const;
  // The same of calls of handlers of this bus that acknowledged: more than there are handlers and events means that one
  // ran twice.
  Expectation expect_handled(std::string_view type, std::size_t count, const Predicate& wanted = {}) const;
  template <class T>
  Expectation expect_handled(std::size_t count, const std::function<bool(const T&)>& wanted = {}) const;
  // The same of dead letters whose reason holds `reason`.
  Expectation expect_dead_letters(std::size_t count, std::string_view reason = {}) const;

 private:
  struct World;
  struct State;
  TestBus(BusConfig config, std::shared_ptr<World> world, TestOptions options);
  std::unique_ptr<State> state_;
};

}  // namespace eventbus::testing
