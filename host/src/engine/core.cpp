#include "engine/core.hpp"

#include <algorithm>

namespace eventbus::host {

Core::Core(const BusConfig& config, const BackendSettings& settings, const BackendFactory& create_backend,
           std::shared_ptr<Logger> logger)
    : config_(config),
      settings_(settings),
      logger_(std::move(logger)),
      backend_(create_backend(settings_, *this)),
      lease_(config.pending_idle) {
  capabilities_ = backend_->capabilities();
  capabilities_.dead_letters = backend_->dead_letter_store() != nullptr;
  capabilities_.history = backend_->history() != nullptr;
  capabilities_.inspection = backend_->inspection() != nullptr;
  capabilities_.retention = backend_->retention() != nullptr;
}

Core::~Core() = default;

void Core::connect() {
  std::lock_guard lifecycle(lifecycle_mutex_);
  if (gate_.is_open()) return;
  SteadyTime deadline = now() + config_.connect_retry;
  milliseconds delay{100};
  for (;;) {
    try {
      backend_->open(Role::publisher, config_.start_from);
      break;
    } catch (const Error& error) {
      if (!error.retryable() || now() + delay >= deadline) {
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
}

void Core::start_consuming() {
  std::lock_guard lifecycle(lifecycle_mutex_);
  if (!gate_.is_open()) refuse_closed("start_consuming");
  if (consumer_.joinable()) {
    throw Error(ErrorCode::conflict, "start_consuming: cannot start consuming '" + settings_.stream + "' as '" +
                                         settings_.consumer +
                                         "': this bus is consuming already; call stop_consuming() first");
  }
  backend_->open(Role::consumer, config_.start_from);
  SteadyTime time = now();
  {
    std::lock_guard lock(mutex_);
    stopping_ = false;
    fatal_.clear();
    trouble_.clear();
    prefetch_ = config_.concurrency;
    ran_dry_ = last_read_full_ = false;
    rate_since_ = last_read_ = next_claim_ = time;
    rate_base_ = finished_;
    claim_cursor_ = {};
    next_renew_ = time + lease_ / 3;
  }
  consuming_ = true;
  auto self = shared_from_this();
  if (!is_inline()) {
    for (std::uint32_t i = 0; i < config_.concurrency; ++i) {
      auto worker = std::make_shared<Worker>();
      live_workers_.fetch_add(1);
      // An abandoned worker outlives the stop, and maybe the bus: it shares the core's ownership.
      worker->thread = std::thread([self, worker] {
        self->work(*worker);
        if (self->live_workers_.fetch_sub(1) == 1) self->live_workers_.notify_all();
      });
      workers_.push_back(std::move(worker));
    }
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
  if (!consumer_.joinable()) return report;
  SteadyTime deadline = now() + timeout.value_or(config_.shutdown_timeout);
  std::uint64_t finished_before;
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    finished_before = finished_;
  }
  intake_cv_.notify_all();
  work_cv_.notify_all();
  backend_->wake();
  consumer_.join();

  std::unique_lock lock(mutex_);
  for (const HeldPtr& held : lanes_.take_all()) {
    held->release_count = held->token.attempt > 0 ? held->token.attempt - 1 : 0;
    settle_later_locked(held, SettleAction::release, Account::released);
    ++report.released;
  }
  SteadyTime time = now();
  auto parked_now = std::move(parked_);
  parked_.clear();
  parked_order_.clear();
  for (const auto& [position, parked] : parked_now) {
    settle_unrun_locked(parked.token, SteadyTime{}, SettleAction::release, Account::counted, {});
    auto rest = std::chrono::duration_cast<milliseconds>(parked.due - time);
    held_[position]->release_delay = std::clamp(rest, milliseconds{0}, lease_);
  }
  // Settle what is known at once, then what finishes in time; a failing backend is tried again up to the deadline.
  for (bool last = false;;) {
    settle_after_ = {};
    SettlementBatch batch = take_settlements_locked();
    bool tried = !batch.items.empty();
    lock.unlock();
    settle_now(std::move(batch));
    lock.lock();
    if (running_ == 0 && due_.empty()) break;
    if (last || now() >= deadline) {
      if (last || due_.empty()) break;
      last = true;
      continue;
    }
    auto until = tried && !due_.empty() ? std::min(deadline, now() + milliseconds{100}) : deadline;
    std::size_t running = running_;
    drain_cv_.wait_until(lock, until, [&] { return running_ < running || (!tried && !due_.empty()); });
  }
  report.finished = finished_ - finished_before;
  for (auto& [position, held] : held_) {
    held->abandoned = true;
    held->state = Held::State::gone;
    if (held->account == Account::counted) continue;
    counters_.abandoned.add();
    ++report.abandoned;
    std::string handler = registry_.name_of(held->running_subscription);
    report.abandoned_names.push_back("event '" + held->event->type + "' (" + held->event->id + ") at " +
                                     to_string(position) + (handler.empty() ? "" : " in " + handler));
  }
  held_.clear();
  due_.clear();
  lanes_.clear();
  released_here_.clear();
  running_ = busy_ = 0;
  solo_ = 0;
  lock.unlock();
  for (const std::string& name : report.abandoned_names) {
    log(LogLevel::warn, "stop: abandoned " + name + "; it is delivered again when its lease ends");
  }
  retire_workers();
  consuming_ = false;
  return report;
}

void Core::retire_workers() {
  work_cv_.notify_all();
  for (const auto& worker : workers_) {
    bool in_handler;
    {
      std::lock_guard lock(mutex_);
      in_handler = worker->in_handler && !worker->done;
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
  }
  intake_cv_.notify_all();
  return Subscription(std::weak_ptr<detail::SubscriptionOwner>(shared_from_this()), id);
}

void Core::end_subscription(std::uint64_t id) noexcept { registry_.remove(id, !inside_delivery()); }

void Core::poke() noexcept {
  if (wake_wanted_.exchange(false)) backend_->wake();
}

void Core::log(LogLevel level, std::string_view message) noexcept { logger_->log(level, message); }

void Core::signal(BackendSignal signal, std::uint64_t count) noexcept {
  switch (signal) {
    case BackendSignal::reconnected: counters_.reconnections.add(count); break;
    case BackendSignal::group_recreated: counters_.groups_recreated.add(count); break;
    case BackendSignal::entry_lost:
      counters_.consumed.add(count);
      counters_.lost.add(count);
      break;
  }
}

void Core::report(std::string_view where, const Error& error, const Event* event) noexcept {
  log(LogLevel::warn, std::string(where) + ": " + error.what());
  try {
    std::lock_guard lock(hook_mutex_);
    if (hook_) hook_(BackgroundError{std::string(where), error, event});
  } catch (const std::exception& thrown) {
    log(LogLevel::error, std::string("the error hook threw: ") + thrown.what());
  }
}

}  // namespace eventbus::host
