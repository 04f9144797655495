// The life of a bus: connecting, consuming, stopping in three phases, and the end.
#include "engine/core.hpp"

#include <algorithm>

namespace eventbus::host {

Core::Core(const BusConfig& config, const BackendSettings& settings, const BackendFactory& create_backend,
           std::shared_ptr<Logger> logger, const Driver& driver)
    : config_(config),
      settings_(settings),
      logger_(std::move(logger)),
      clock_(driver.clock),
      watch_(driver.watch),
      backend_(create_backend(settings_, *this)),
      lease_(config.pending_idle),
      lanes_(std::max<std::size_t>(config.max_in_flight / 2, 1)) {
  if (is_driven()) random_.seed(driver.seed);
  capabilities_ = backend_->capabilities();
  capabilities_.dead_letters = backend_->dead_letter_store() != nullptr;
  capabilities_.history = backend_->history() != nullptr;
  capabilities_.inspection = backend_->inspection() != nullptr;
  capabilities_.retention = backend_->retention() != nullptr;
  capabilities_.idempotency = backend_->idempotency_store() != nullptr;
  bool trims = config_.trim.max_length > 0 || config_.trim.hard_max_length > 0 || config_.trim.max_age.count() > 0;
  if (trims && !capabilities_.retention) {
    throw Error(ErrorCode::unsupported, "config: trim: backend '" + config_.backend +
                                            "' cannot trim its stream; remove `trim`, or choose another backend");
  }
}

Core::~Core() = default;

void Core::connect() {
  std::lock_guard lifecycle(lifecycle_mutex_);
  if (gate_.is_open()) return;
  SteadyTime deadline = now() + config_.connect_retry;
  milliseconds delay{100};
  for (;;) {
    try {
      backend_->open(config_.read_only ? Role::inspector : Role::publisher, config_.start_from);
      break;
    } catch (const Error& error) {
      if (!error.retryable() || is_driven() || now() + delay >= deadline) {
        backend_->close();
        throw;
      }
      log(LogLevel::info, std::string("connecting again: ") + error.what());
    }
    std::this_thread::sleep_for(delay);
    delay = std::min(delay * 2, milliseconds{2000});
  }
  link_up_ = true;
  gate_.open();
  const auto& trim = config_.trim;
  bool trims = trim.max_length > 0 || trim.hard_max_length > 0 || trim.max_age.count() > 0;
  if (!trims || config_.read_only) return;
  if (!is_driven()) trim_thread_ = std::thread([this] { run_trimming(); });
}

void Core::start_consuming() {
  if (inside_delivery()) {
    throw Error(ErrorCode::conflict, "start_consuming: cannot start consuming '" + settings_.stream +
                                         "' from inside a delivery of this bus; call it elsewhere");
  }
  refuse_if_read_only("start_consuming");
  std::lock_guard lifecycle(lifecycle_mutex_);
  if (!gate_.is_open()) refuse_closed("start_consuming");
  if (started_) {
    throw Error(ErrorCode::conflict, "start_consuming: cannot start consuming '" + settings_.stream + "' as '" +
                                         settings_.consumer +
                                         "': this bus is consuming already; call stop_consuming() first");
  }
  backend_->open(Role::consumer, config_.start_from);
  begin_consuming();
  consuming_ = true;
  if (!is_driven()) start_threads();
}

void Core::begin_consuming() {
  SteadyTime time = now();
  std::lock_guard lock(mutex_);
  started_ = true;
  stopping_ = false;
  fatal_.clear();
  trouble_.clear();
  trouble_backoff_ = milliseconds{0};
  prefetch_ = config_.concurrency;
  ran_dry_ = last_read_full_ = poked_ = drain_wanted_ = false;
  rate_since_ = last_read_ = next_claim_ = time;
  rate_base_ = finished_;
  claim_cursor_ = {};
  next_renew_ = time + renew_interval();
  next_sweep_ = time + jittered_locked(config_.recovery_interval, 0.5);
}

void Core::start_threads() {
  std::uint32_t count = is_inline() ? 1 : config_.concurrency;
  for (std::uint32_t i = 0; i < count; ++i) {
    auto worker = std::make_shared<Worker>();
    live_workers_.fetch_add(1);
    // An abandoned worker outlives the stop, and maybe the bus: it shares the core's ownership.
    worker->thread = std::thread([self = shared_from_this(), worker] {
      self->is_inline() ? self->work_inline(*worker) : self->work(*worker);
      if (self->live_workers_.fetch_sub(1) == 1) self->live_workers_.notify_all();
    });
    workers_.push_back(std::move(worker));
  }
  consumer_ = std::thread([this] { consume(); });
}

DrainReport Core::stop_consuming(std::optional<milliseconds> timeout) {
  if (inside_delivery()) {
    // The stop waits for the very delivery that asks for it: it has to happen elsewhere.
    DrainReport report;
    report.requested = true;
    if (consuming_) std::thread([self = shared_from_this(), timeout] { self->stop_consuming(timeout); }).detach();
    return report;
  }
  std::lock_guard lifecycle(lifecycle_mutex_);
  return stop_now(timeout);
}

DrainReport Core::stop_now(std::optional<milliseconds> timeout) {
  DrainReport report;
  if (!started_) return report;
  SteadyTime begun = now();
  SteadyTime deadline = begun + timeout.value_or(config_.shutdown_timeout);
  std::uint64_t finished_before;
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    finished_before = finished_;
  }
  intake_cv_.notify_all();
  work_cv_.notify_all();
  worker_cv_.notify_all();
  if (consumer_.joinable()) {
    backend_->wake();
    consumer_.join();
  }
  // A publisher that drains may still be in a receive; those after it see the stop.
  std::unique_lock intake(intake_mutex_);
  intake.unlock();
  std::unique_lock lock(mutex_);
  give_back_waiting_locked(report);
  settle_until(deadline, lock);
  report.finished = finished_ - finished_before;
  abandon_rest_locked(report);
  for (const SweepPtr& sweep : sweeps_) sweep->report.cancelled = true;
  sweeps_.clear();
  lock.unlock();
  sweep_cv_.notify_all();
  for (const std::string& name : report.abandoned_names) {
    log(LogLevel::warn, "stop: abandoned " + name + "; it is delivered again when its lease ends");
  }
  retire_workers();
  lock.lock();
  started_ = false;
  lock.unlock();
  consuming_ = false;
  if (!is_driven()) {
    flush(std::max(std::chrono::duration_cast<milliseconds>(deadline - now()), milliseconds{0}));
  }
  return report;
}

// What no handler has seen, and retries that wait.
void Core::give_back_waiting_locked(DrainReport& report) {
  for (const HeldPtr& held : lanes_.take_all()) {
    close_account(held->sweep, nullptr);
    release_locked(held, Account::released);
    ++report.released;
  }
  SteadyTime time = now();
  auto parked_now = std::move(parked_);
  parked_.clear();
  parked_order_.clear();
  recovered_waiting_ = 0;
  for (auto& [position, parked] : parked_now) {
    close_account(parked.sweep, nullptr);
    HeldPtr held = unrun_locked(parked.token, SteadyTime{}, {});
    settle_later_locked(held, SettleAction::release, Account::counted);
    auto rest = std::chrono::duration_cast<milliseconds>(parked.due - time);
    held->release_delay = std::clamp(rest, milliseconds{0}, lease_);
    if (parked.recovered) ++report.released;
  }
}

// Settles what is known at once, then what finishes in time; a failing backend is tried again up to the deadline.
void Core::settle_until(SteadyTime deadline, std::unique_lock<std::mutex>& lock) {
  for (bool last = false;;) {
    for (auto& [time, held] : settle_again_) due_.push_back(held);
    settle_again_.clear();
    SettlementBatch batch = take_settlements_locked();
    bool tried = !batch.items.empty();
    lock.unlock();
    settle_now(std::move(batch));
    lock.lock();
    bool left = !due_.empty() || !settle_again_.empty();
    if (running_ == 0 && !left) return;
    if (is_driven() || last || now() >= deadline) {
      if (is_driven() || last || !left) return;
      last = true;
      continue;
    }
    auto until = tried && left ? std::min(deadline, now() + milliseconds{100}) : deadline;
    std::size_t running = running_;
    drain_cv_.wait_until(lock, until, [&] { return running_ < running || !due_.empty(); });
  }
}

void Core::abandon_rest_locked(DrainReport& report) {
  for (auto& [position, held] : held_) {
    held->abandoned = true;
    held->state = Held::State::gone;
    close_account(held->sweep, nullptr);
    if (held->account == Account::counted) continue;
    counters_.abandoned.add();
    ++report.abandoned;
    std::string handler = registry_.name_of(held->running_subscription);
    report.abandoned_names.push_back("event '" + held->event->type + "' (" + held->event->id + ") at " +
                                     to_string(position) + (handler.empty() ? "" : " in " + handler));
  }
  held_.clear();
  due_.clear();
  settle_again_.clear();
  settle_trouble_.clear();
  lanes_.clear();
  released_here_.clear();
  running_ = busy_ = solo_ = 0;
}

void Core::retire_workers() {
  work_cv_.notify_all();
  for (const auto& worker : workers_) {
    bool in_handler;
    {
      std::lock_guard lock(mutex_);
      in_handler = worker->in_handler && !worker->done;
      if (in_handler && (drain_requests_.load() & worker_drains) != 0) drain_abandoned_ = true;
      worker->done = true;  // an abandoned one ends with its handler, also if consuming starts again
    }
    if (in_handler) {
      worker->thread.detach();
    } else {
      worker->thread.join();
    }
  }
  workers_.clear();
}

void Core::disconnect() noexcept {
  if (inside_delivery()) {
    std::thread([self = shared_from_this()] { self->disconnect(); }).detach();
    return;
  }
  std::lock_guard lifecycle(lifecycle_mutex_);
  disconnect_now();
}

void Core::disconnect_now() noexcept {
  if (!gate_.is_open()) return;
  try {
    stop_now(std::nullopt);
  } catch (const std::exception& error) {
    log(LogLevel::error, std::string("cannot stop consuming: ") + error.what());
  }
  gate_.close();
  gate_.wait_until_empty();
  stop_background();  // after the gate: nobody queues any more
  stop_trimming();
  backend_->close();
  link_up_ = false;
}

void Core::shut_down() noexcept {
  disconnect();
  if (inside_delivery()) return;
  for (std::int64_t live = live_workers_.load(); live != 0; live = live_workers_.load()) {
    log(LogLevel::warn, "destructor: waits for " + std::to_string(live) + " abandoned handler call(s) to return");
    live_workers_.wait(live);
  }
}

Subscription Core::subscribe(std::span<const std::string> types, Handler handler) {
  std::uint64_t id = registry_.add(types, std::move(handler));
  {
    std::lock_guard lock(mutex_);  // orders this after the consumer's look at the registry
    poked_ = true;
  }
  intake_cv_.notify_all();
  return Subscription(std::weak_ptr<detail::SubscriptionOwner>(shared_from_this()), id);
}

void Core::end_subscription(std::uint64_t id) noexcept { registry_.remove(id, !inside_delivery() && !is_driven()); }

void Core::poke() noexcept {
  if (wake_wanted_.load() && wake_wanted_.exchange(false)) backend_->wake();
}

void Core::log(LogLevel level, std::string_view message) noexcept { logger_->log(level, message); }

void Core::signal(BackendSignal signal, std::uint64_t count) noexcept {
  switch (signal) {
    case BackendSignal::reconnected: counters_.reconnections.add(count); break;
    case BackendSignal::group_recreated: counters_.groups_recreated.add(count); break;
    case BackendSignal::entry_lost: note_lost(count); break;
  }
}

// Without hook_mutex_ while the hook runs: it may publish, and what fails there comes here again.
void Core::report(std::string_view where, const Error& error, const Event* event) noexcept {
  try {
    log(LogLevel::warn, std::string(where) + ": " + error.what());
    ErrorHook hook;
    {
      std::lock_guard lock(hook_mutex_);
      hook = hook_;
    }
    if (!hook) return;
    std::lock_guard one_at_a_time(hook_call_mutex_);
    hook(BackgroundError{std::string(where), error, event});
  } catch (const std::exception& thrown) {
    log(LogLevel::error, std::string("the error hook threw: ") + thrown.what());
  } catch (...) {
    log(LogLevel::error, "the error hook threw an exception of unknown type");
  }
}

}  // namespace eventbus::host
