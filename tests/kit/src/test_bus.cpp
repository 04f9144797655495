#include <eventbus/testing/test_bus.hpp>

#include <algorithm>
#include <atomic>
#include <optional>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include <eventbus/error.hpp>

#include "config/open_driven.hpp"

namespace eventbus::testing {
namespace {

class EngineClock final : public host::Clock {
 public:
  explicit EngineClock(std::shared_ptr<const VirtualClock> clock) : clock_(std::move(clock)) {}
  VirtualClock::TimePoint now() const noexcept override { return clock_->now(); }
  Timestamp utc_now() const noexcept override { return clock_->utc_now(); }

 private:
  const std::shared_ptr<const VirtualClock> clock_;
};

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
  std::string broker = new_broker();
  std::shared_ptr<VirtualClock> clock = std::make_shared<VirtualClock>();
  std::vector<host::DrivenBus*> buses;

  bool step() {
    bool any = false;
    for (std::size_t i = 0; i < buses.size(); ++i) {
      bool took = buses[i]->take_in();
      any = buses[i]->run_one() || took || any;
    }
    return any;
  }
  // The earliest of what `when` tells of each bus.
  template <class When>
  std::optional<VirtualClock::TimePoint> earliest(When&& when) const {
    std::optional<VirtualClock::TimePoint> first;
    for (host::DrivenBus* bus : buses) {
      auto time = when(*bus);
      if (time && (!first || *time < *first)) first = time;
    }
    return first;
  }
};

struct TestBus::State {
  std::shared_ptr<World> world;
  std::unique_ptr<host::DrivenBus> driven;
};

TestBus::TestBus(BusConfig config) : TestBus(std::move(config), std::make_shared<World>()) {}

TestBus::TestBus(BusConfig config, const TestBus& beside) : TestBus(std::move(config), beside.state_->world) {}

TestBus::TestBus(BusConfig config, std::shared_ptr<World> world) : state_(std::make_unique<State>()) {
  config.backend = "memory";
  std::string& section = config.backends["memory"];
  auto own = section.empty() ? nlohmann::json::object() : nlohmann::json::parse(section);
  own["broker"] = world->broker;
  own["dispatch"] = "background";
  section = own.dump();
  state_->driven = host::open_driven_bus(config, std::make_shared<EngineClock>(world->clock));
  bus().connect();
  bus().start_consuming();
  state_->world = std::move(world);
  state_->world->buses.push_back(state_->driven.get());
}

TestBus::~TestBus() { std::erase(state_->world->buses, state_->driven.get()); }

EventBus& TestBus::bus() noexcept { return state_->driven->bus(); }
VirtualClock& TestBus::clock() noexcept { return *state_->world->clock; }

bool TestBus::step() {
  const bool took = state_->driven->take_in();
  return state_->driven->run_one() || took;
}

void TestBus::run_until_idle(std::size_t max_steps) {
  World& world = *state_->world;
  for (std::size_t steps = 0;; count(steps, max_steps, "run_until_idle")) {
    if (world.step()) continue;
    const auto due = world.earliest([](host::DrivenBus& bus) { return bus.next_due(); });
    if (!due) return;
    world.clock->advance_to(std::max(*due, world.clock->now() + std::chrono::milliseconds(1)));
  }
}

void TestBus::advance(std::chrono::milliseconds time, std::size_t max_steps) {
  World& world = *state_->world;
  const auto end = clock().now() + time;
  for (std::size_t steps = 0;; count(steps, max_steps, "advance")) {
    if (world.step()) continue;
    const auto now = clock().now();
    if (now >= end) return;
    const auto next = world.earliest([](host::DrivenBus& bus) { return bus.next_timer(); }).value_or(end);
    world.clock->advance_to(std::min(end, std::max(next, now + std::chrono::milliseconds(1))));
  }
}

void TestBus::crash() noexcept { state_->driven->crash(); }

std::vector<Event> TestBus::published() const {
  std::vector<Event> events;
  HistoryQuery query;
  for (std::optional<Position> from = Position::first(); from;) {
    query.from = *from;
    HistoryPage page = state_->driven->bus().history(query);
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

std::vector<DeadLetter> TestBus::dead_letters() const {
  std::vector<DeadLetter> letters;
  DeadLetterQuery query;
  for (bool more = true; more;) {
    DeadLetterPage page = state_->driven->bus().dead_letters(query);
    for (DeadLetter& letter : page.entries) letters.push_back(std::move(letter));
    more = page.next.has_value();
    query.after = page.next.value_or(Position::first());
  }
  return letters;
}

}  // namespace eventbus::testing
