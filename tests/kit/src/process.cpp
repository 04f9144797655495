#include "process.hpp"

#include <functional>
#include <utility>

#include "config/open_driven.hpp"
#include "decorators.hpp"

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

thread_local std::size_t worker_here = 0;  // which one the calling thread is

std::string_view name_of(const std::optional<Outcome>& outcome) {
  if (!outcome) return "deferred";
  switch (outcome->kind()) {
    case Outcome::Kind::ack: return "ack";
    case Outcome::Kind::retry: return "retry";
    case Outcome::Kind::dead_letter: return "dead letter";
    case Outcome::Kind::release: return "release";
  }
  return "";
}

}  // namespace

Process::Process(BusConfig config, TestOptions options, std::shared_ptr<VirtualClock> clock)
    : config_(std::move(config)), options_(std::move(options)), clock_(std::move(clock)) {
  begin();
}

Process::~Process() { workers_.clear(); }

void Process::begin() {
  if (driven_) crash();
  driven_.reset();
  ++lives_;
  host::Driver driver{std::make_shared<EngineClock>(clock_), seed(), this};
  driven_ = host::open_driven_bus(
      config_, driver, [this](std::unique_ptr<Backend> inside, const BackendSettings& settings, BackendHost&) {
        return decorate(std::move(inside), settings);
      });
  crashed_ = paused = false;
  driven_->bus().connect();
  driven_->bus().start_consuming();
  if (options_.scheduler) {
    while (workers_.size() < config_.concurrency) workers_.push_back(std::make_unique<Fiber>());
  }
}

std::unique_ptr<Backend> Process::decorate(std::unique_ptr<Backend> inside, const BackendSettings& settings) const {
  if (options_.faults) {
    inside = with_faults(std::move(inside), options_.faults, settings,
                         [clock = clock_](milliseconds time) { clock->advance(time); });
  }
  if (options_.scheduler) inside = with_interleaving(std::move(inside));
  if (options_.round_trip) inside = with_round_trip(std::move(inside));
  return inside;
}

// Of this life of this process, so that no two give the same event ids.
std::uint64_t Process::seed() const {
  const std::uint64_t seed = options_.scheduler ? options_.scheduler->seed() : 0;
  return std::hash<std::string>{}(config_.consumer_group + '/' + config_.consumer_name.value() + '/' +
                                  std::to_string(lives_) + '/' + std::to_string(seed));
}

void Process::crash() noexcept {
  crashed_ = true;
  if (driven_ && !onlooker_) {
    onlooker_ = host::open_driven_bus(config_, {std::make_shared<EngineClock>(clock_)}, {});
    onlooker_->bus().connect();
  }
  if (driven_) driven_->crash();
  unwind();
}

void Process::unwind() noexcept {
  for (const auto& worker : workers_) worker->cancel();
}

EventBus& Process::reader() const noexcept { return crashed_ ? onlooker_->bus() : driven_->bus(); }

bool Process::end_if_crashed(bool did) {
  if (options_.faults && options_.faults->crashed()) crash();
  return did;
}

bool Process::take_in() { return end_if_crashed(driven_->take_in()); }
bool Process::run_one() { return end_if_crashed(driven_->run_one()); }

std::vector<std::size_t> Process::ready_workers() const {
  std::vector<std::size_t> ready;
  bool idle = false;
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    const Fiber::State state = workers_[i]->state();
    if (state == Fiber::State::suspended) ready.push_back(i);
    if (state != Fiber::State::idle || std::exchange(idle, true)) continue;
    if (driven_->runnable() > 0) ready.push_back(i);
  }
  return ready;
}

bool Process::run_worker(std::size_t worker) {
  Fiber& fiber = *workers_[worker];
  if (fiber.state() == Fiber::State::suspended) {
    options_.scheduler->note(config_.consumer_name.value() + "/" + std::to_string(worker + 1) + " goes on");
    fiber.resume();
    return end_if_crashed(true);
  }
  auto ran = std::make_shared<bool>(true);
  fiber.start([this, worker, ran] {
    worker_here = worker;
    *ran = driven_->run_one(worker);
  });
  return end_if_crashed(*ran);
}

Process::Blocked Process::wait_for_blocked() {
  Blocked result = Blocked::none;
  for (const auto& worker : workers_) {
    if (worker->state() != Fiber::State::running) continue;
    if (worker->wait()) return Blocked::came_back;
    result = Blocked::for_good;
  }
  return result;
}

void Process::note(const std::string& what, const Event& event, const Delivery& delivery, const std::string& handler) {
  if (!options_.scheduler) return;
  options_.scheduler->note(config_.consumer_name.value() + "/" + std::to_string(worker_here + 1) + " " + what + " " +
                           handler + " of " + event.type +
                           (event.aggregate_id.empty() ? "" : " " + event.aggregate_id) + " at " +
                           to_string(delivery.position()) + ", attempt " + std::to_string(delivery.attempt()));
}

void Process::begins(const Event& event, const Delivery& delivery, const std::string& handler) {
  interleave();
  note("begins", event, delivery, handler);
}

void Process::ended(const Event& event, const Delivery& delivery, const std::string& handler,
                    const std::optional<Outcome>& outcome, std::string_view why) {
  if (crashed_) return;  // nobody saw it
  note(std::string(name_of(outcome)) + " from", event, delivery, handler);
  std::lock_guard lock(handled_mutex_);
  handled_.push_back({event, handler, delivery.attempt(), outcome, std::string(why)});
}

}  // namespace eventbus::testing
