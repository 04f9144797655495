#include <eventbus/testing/test_bus.hpp>

#include <algorithm>
#include <atomic>
#include <optional>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include <eventbus/error.hpp>

#include "process.hpp"

namespace eventbus::testing {
namespace {

std::string new_broker() {
  static std::atomic<unsigned> last{0};
  return "testing-" + std::to_string(++last);
}

void count(std::size_t& steps, std::size_t max, const char* who) {
  if (++steps <= max) return;
  throw Error(ErrorCode::timed_out, std::string(who) + ": cannot come to an end within " + std::to_string(max) +
                                        " steps: there is always more to do; look for a handler that publishes what "
                                        "it handles or retries for ever, or allow more steps");
}

}  // namespace

// What buses beside one another share.
struct TestBus::World {
  explicit World(Scheduler* seeded) : scheduler(seeded) {}

  std::string broker = new_broker();
  std::shared_ptr<VirtualClock> clock = std::make_shared<VirtualClock>();
  Scheduler* const scheduler;
  std::vector<Process*> processes;
  unsigned named = 0;  // consumers that got a name here

  bool step() { return scheduler ? step_as_scheduled() : step_all(); }

  // Calls `run`. What it throws may end subscriptions on its way, so no handler stays suspended.
  template <class Run>
  auto guarded(Run&& run) {
    try {
      return run();
    } catch (...) {
      for (Process* process : processes) process->unwind();
      throw;
    }
  }

  // The earliest of what `when` tells of each bus.
  template <class When>
  std::optional<VirtualClock::TimePoint> earliest(When&& when) const {
    std::optional<VirtualClock::TimePoint> first;
    for (const Process* process : processes) {
      if (!process->runs()) continue;
      auto time = when(process->driven());
      if (time && (!first || *time < *first)) first = time;
    }
    return first;
  }

 private:
  bool step_all() {
    bool any = false;
    for (std::size_t i = 0; i < processes.size(); ++i) {
      if (!processes[i]->runs()) continue;
      bool took = processes[i]->take_in();
      any = (processes[i]->runs() && processes[i]->run_one()) || took || any;
    }
    return any;
  }

  bool step_as_scheduled() {
    struct Choice {
      Process* process;
      std::optional<std::size_t> worker;  // else the consumer
    };
    std::vector<Choice> choices;
    for (Process* process : processes) {
      if (!process->runs()) continue;
      choices.push_back({process, std::nullopt});
      for (std::size_t worker : process->ready_workers()) choices.push_back({process, worker});
    }
    while (!choices.empty()) {
      const auto chosen = choices.begin() + static_cast<std::ptrdiff_t>(scheduler->choose(choices.size()));
      const Choice choice = *chosen;
      if (choice.worker ? choice.process->run_worker(*choice.worker) : choice.process->take_in()) return true;
      choices.erase(chosen);
    }
    for (Process* process : processes) {
      const auto blocked = process->runs() ? process->wait_for_blocked() : Process::Blocked::none;
      if (blocked == Process::Blocked::came_back) return true;
      if (blocked == Process::Blocked::none) continue;
      throw Error(ErrorCode::timed_out,
                  "scheduler: cannot go on: a handler has not come back for a while, and nothing else can run; look "
                  "for a lock that two handlers wait for, or for a handler that waits for real time");
    }
    return false;
  }
};

struct TestBus::State {
  State(std::shared_ptr<World> shared, BusConfig config, TestOptions options)
      : world(std::move(shared)), process(std::move(config), std::move(options), world->clock) {
    world->processes.push_back(&process);
  }
  ~State() { std::erase(world->processes, &process); }

  const std::shared_ptr<World> world;
  Process process;
};

TestBus::TestBus(BusConfig config, TestOptions options)
    : TestBus(std::move(config), std::make_shared<World>(options.scheduler), std::move(options)) {}

TestBus::TestBus(BusConfig config, const TestBus& beside, TestOptions options)
    : TestBus(std::move(config), beside.state_->world, std::move(options)) {}

TestBus::TestBus(BusConfig config, std::shared_ptr<World> world, TestOptions options) {
  config.backend = "memory";
  if (!config.consumer_name) config.consumer_name = "consumer-" + std::to_string(++world->named);
  std::string& section = config.backends["memory"];
  auto own = section.empty() ? nlohmann::json::object() : nlohmann::json::parse(section, nullptr, false);
  if (own.is_object()) {  // else opening refuses it
    own["broker"] = world->broker;
    own["dispatch"] = "background";
    section = own.dump();
  }
  options.scheduler = world->scheduler;
  state_ = std::make_unique<State>(std::move(world), std::move(config), std::move(options));
}

TestBus::~TestBus() = default;

EventBus& TestBus::bus() noexcept { return state_->process.driven().bus(); }
VirtualClock& TestBus::clock() noexcept { return *state_->world->clock; }

bool TestBus::step() {
  World& world = *state_->world;
  if (world.scheduler) return world.guarded([&] { return world.step(); });
  Process& process = state_->process;
  if (!process.runs()) return false;
  const bool took = process.take_in();
  return (process.runs() && process.run_one()) || took;
}

void TestBus::run_until_idle(std::size_t max_steps) {
  World& world = *state_->world;
  world.guarded([&] {
    for (std::size_t steps = 0;; count(steps, max_steps, "run_until_idle")) {
      if (world.step()) continue;
      const auto due = world.earliest([](host::DrivenBus& bus) { return bus.next_due(); });
      if (!due) return;
      world.clock->advance_to(std::max(*due, world.clock->now() + std::chrono::milliseconds(1)));
    }
  });
}

void TestBus::advance(std::chrono::milliseconds time, std::size_t max_steps) {
  World& world = *state_->world;
  const auto end = clock().now() + time;
  world.guarded([&] {
    for (std::size_t steps = 0;; count(steps, max_steps, "advance")) {
      if (world.step()) continue;
      const auto now = world.clock->now();
      if (now >= end) return;
      const auto next = world.earliest([](host::DrivenBus& bus) { return bus.next_timer(); }).value_or(end);
      world.clock->advance_to(std::min(end, std::max(next, now + std::chrono::milliseconds(1))));
    }
  });
}

void TestBus::crash() noexcept { state_->process.crash(); }
bool TestBus::crashed() const noexcept { return state_->process.crashed(); }
void TestBus::restart() { state_->process.begin(); }
void TestBus::pause() noexcept { state_->process.paused = true; }
void TestBus::resume() noexcept { state_->process.paused = false; }

std::vector<Event> TestBus::published() const {
  std::vector<Event> events;
  HistoryQuery query;
  for (std::optional<Position> from = Position::first(); from;) {
    query.from = *from;
    HistoryPage page = state_->process.reader().history(query);
    for (HistoryEntry& entry : page.entries) events.push_back(std::move(entry.event));
    from = page.next;
  }
  return events;
}

std::vector<Event> TestBus::published(std::string_view type) const {
  std::vector<Event> events = published();
  std::erase_if(events, [&](const Event& event) { return event.type != type; });
  return events;
}

const std::vector<Handled>& TestBus::handled() const noexcept { return state_->process.handled(); }

std::vector<DeadLetter> TestBus::dead_letters() const {
  std::vector<DeadLetter> letters;
  DeadLetterQuery query;
  for (bool more = true; more;) {
    DeadLetterPage page = state_->process.reader().dead_letters(query);
    for (DeadLetter& letter : page.entries) letters.push_back(std::move(letter));
    more = page.next.has_value();
    query.after = page.next.value_or(Position::first());
  }
  return letters;
}

}  // namespace eventbus::testing
