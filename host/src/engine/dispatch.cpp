// Running handlers, and what their outcomes mean.
#include <algorithm>
#include <cmath>
#include <exception>

#include "engine/core.hpp"

namespace eventbus::host {
namespace {

// The deliveries that this thread is inside of, innermost first.
struct Frame {
  const void* core;
  Frame* outer;
};
thread_local Frame* innermost = nullptr;

class FrameScope {
 public:
  explicit FrameScope(const void* core) noexcept : frame_{core, innermost} { innermost = &frame_; }
  ~FrameScope() { innermost = frame_.outer; }
  FrameScope(const FrameScope&) = delete;
  FrameScope& operator=(const FrameScope&) = delete;

 private:
  Frame frame_;
};

}  // namespace

class Core::DeferredOutcome final : public detail::DeferredState {
 public:
  DeferredOutcome(std::weak_ptr<Core> core, HeldPtr held, const SubscriptionEntry& entry)
      : core_(std::move(core)), held_(std::move(held)), subscription_(entry.id()), handler_(entry.name()) {}

  bool settle(Outcome outcome) noexcept override {
    if (settled_.exchange(true)) return false;
    auto core = core_.lock();
    return core && core->settle_deferred(held_, subscription_, handler_, outcome, outcome.reason());
  }
  void drop() noexcept override {
    if (settled_.exchange(true)) return;
    if (auto core = core_.lock()) {
      core->settle_deferred(held_, subscription_, handler_, Outcome::retry(), "its deferred outcome was dropped");
    }
  }
  bool cancel() noexcept { return !settled_.exchange(true); }

 private:
  std::weak_ptr<Core> core_;
  HeldPtr held_;
  std::uint64_t subscription_;
  std::string handler_;
  std::atomic<bool> settled_{false};
};

// One call of one handler.
class Core::HandlerCall final : public detail::DeliveryState {
 public:
  HandlerCall(Core& core, const HeldPtr& held, const SubscriptionEntry& entry)
      : core_(core), held_(held), entry_(entry) {}

  std::shared_ptr<detail::DeferredState> defer() override {
    if (deferred_) {
      throw Error(ErrorCode::invalid_argument, "defer: " + entry_.name() + " deferred this delivery already");
    }
    deferred_ = std::make_shared<DeferredOutcome>(core_.weak_from_this(), held_, entry_);
    std::lock_guard lock(core_.mutex_);
    ++held_->open_outcomes;
    return deferred_;
  }

  // The handler threw. True if that is its outcome: a deferred one that was settled before counts instead.
  bool failed() {
    if (!deferred_) return true;
    if (!deferred_->cancel()) return false;
    std::lock_guard lock(core_.mutex_);
    --held_->open_outcomes;
    return true;
  }
  bool deferred() const noexcept { return deferred_ != nullptr; }

 private:
  Core& core_;
  const HeldPtr& held_;
  const SubscriptionEntry& entry_;
  std::shared_ptr<DeferredOutcome> deferred_;
};

bool Core::inside_delivery() const noexcept {
  for (const Frame* frame = innermost; frame; frame = frame->outer) {
    if (frame->core == this) return true;
  }
  return false;
}

HeldPtr Core::take_work_locked() {
  if (stopping_) return nullptr;
  HeldPtr held = lanes_.take();
  if (held) {
    held->state = Held::State::running;
    held->open_outcomes = 1;
    ++running_;
    ++busy_;
  }
  return held;
}

void Core::work(Worker& worker) {
  std::unique_lock lock(mutex_);
  while (!stopping_ && !worker.done) {
    if (HeldPtr held = take_work_locked()) {
      worker.in_handler = true;
      lock.unlock();
      dispatch(held, worker.reader);
      poke();
      lock.lock();
      worker.in_handler = false;
      continue;
    }
    ran_dry_ = true;
    intake_cv_.notify_one();
    if (!due_.empty() && receiving_) {
      // Settlements ride on the next receive; if none comes while there is nothing else to do, they go out alone.
      auto more = [&] { return stopping_ || lanes_.ready() > 0 || due_.empty(); };
      if (work_cv_.wait_for(lock, std::chrono::microseconds(500), more)) continue;
      flush_if_blocked(lock);
      continue;
    }
    work_cv_.wait(lock, [&] { return stopping_ || lanes_.ready() > 0 || (receiving_ && !due_.empty()); });
  }
  worker.done = true;
  lock.unlock();
  drain_cv_.notify_all();
}

void Core::flush_if_blocked(std::unique_lock<std::mutex>& lock) {
  if (!receiving_) return;
  SettlementBatch batch = take_settlements_locked();
  if (batch.items.empty()) {  // not yet time to try again
    work_cv_.wait_for(lock, milliseconds{20});
    return;
  }
  lock.unlock();
  settle_now(std::move(batch));
  lock.lock();
}

void Core::dispatch(const HeldPtr& held, Registry::Reader& reader) {
  const HandlerTable::Entries& entries = reader.current(registry_).find(held->event->type);
  if (!entries.empty()) {
    run_handlers(held, entries);
    return;
  }
  std::lock_guard lock(mutex_);
  if (held->abandoned) return;
  --busy_;
  if (registry_.empty()) {
    held->verdict.kind = Outcome::Kind::release;  // the last subscription ended while it waited
    finish_one_outcome_locked(held);
  } else {
    complete_unhandled(held);
  }
}

void Core::run_handlers(const HeldPtr& held, const HandlerTable::Entries& entries) {
  FrameScope frame(this);
  Verdict verdict;
  bool ran = false;
  for (const auto& entry : entries) {
    const auto& only = held->failures.to_run_again;
    if (!only.empty() && std::find(only.begin(), only.end(), entry->id()) == only.end()) continue;
    if (held->abandoned.load()) break;
    if (!entry->enter()) continue;
    ran = true;
    held->running_subscription = entry->id();
    HandlerCall call(*this, held, *entry);
    Delivery delivery(held->token.position, std::max(held->token.attempt, 1u), settings_.group, settings_.consumer,
                      call);
    try {
      Outcome outcome = entry->handler()(*held->event, delivery);
      if (!call.deferred()) {
        if (outcome.kind() == Outcome::Kind::retry || outcome.kind() == Outcome::Kind::dead_letter) {
          counters_.handler_errors.add();
        }
        const std::string& why = outcome.reason();
        verdict.add(outcome, entry->id(), entry->name(), why.empty() ? "the handler gave no reason" : why);
      }
    } catch (const std::exception& error) {
      counters_.handler_errors.add();
      if (call.failed()) verdict.add(Outcome::retry(), entry->id(), entry->name(), error.what());
    } catch (...) {
      counters_.handler_errors.add();
      if (call.failed()) verdict.add(Outcome::retry(), entry->id(), entry->name(), "an exception of unknown type");
    }
    entry->leave();
  }
  std::lock_guard lock(mutex_);
  if (held->abandoned) return;
  --busy_;
  if (!ran && held->failures.to_run_again.empty()) verdict.kind = Outcome::Kind::release;  // all ended a moment ago
  Verdict& all = held->verdict;
  if (Verdict::rank(verdict.kind) > Verdict::rank(all.kind)) {
    all.kind = verdict.kind;
    all.reason = std::move(verdict.reason);
    all.handler = std::move(verdict.handler);
  }
  if (verdict.after) all.after = std::max(all.after.value_or(milliseconds{0}), *verdict.after);
  all.to_run_again.insert(all.to_run_again.end(), verdict.to_run_again.begin(), verdict.to_run_again.end());
  finish_one_outcome_locked(held);
}

bool Core::settle_deferred(const HeldPtr& held, std::uint64_t subscription, const std::string& handler,
                           const Outcome& outcome, std::string_view why) noexcept {
  {
    std::lock_guard lock(mutex_);
    if (held->abandoned || held->state != Held::State::running) return false;
    if (outcome.kind() == Outcome::Kind::retry || outcome.kind() == Outcome::Kind::dead_letter) {
      counters_.handler_errors.add();
    }
    held->verdict.add(outcome, subscription, handler, why);
    finish_one_outcome_locked(held);
    if (receiving_) wake_wanted_ = true;
  }
  intake_cv_.notify_one();
  poke();
  return true;
}

void Core::finish_one_outcome_locked(const HeldPtr& held) {
  if (--held->open_outcomes == 0) complete_locked(held);
}

void Core::complete_locked(const HeldPtr& held) {
  --running_;
  ++finished_;
  Verdict& verdict = held->verdict;
  if (held->lease_lost) {
    counters_.lease_lost.add();
    leave_lane_locked(*held);
    forget_locked(held);
  } else if (verdict.kind == Outcome::Kind::retry) {
    fail_locked(held);
  } else if (verdict.kind == Outcome::Kind::dead_letter) {
    held->failures.last = utc_now();
    if (held->failures.count++ == 0) held->failures.first = held->failures.last;
    leave_lane_locked(*held);
    settle_later_locked(held, config_.enable_dlq ? SettleAction::dead_letter : SettleAction::drop,
                        config_.enable_dlq ? Account::dead_lettered : Account::dropped);
  } else if (verdict.kind == Outcome::Kind::release) {
    held->release_count = held->token.attempt > 0 ? held->token.attempt - 1 : 0;
    released_here_[held->token.position] = now() + config_.retry.initial;
    leave_lane_locked(*held);
    settle_later_locked(held, SettleAction::release, Account::released);
  } else {
    leave_lane_locked(*held);
    settle_later_locked(held, SettleAction::ack, Account::success);
  }
  if (stopping_) drain_cv_.notify_all();
  // Half of the buffer is done: time for the next read, before the workers run dry.
  if (!receiving_ && lanes_.ready() <= prefetch_ / 2) intake_cv_.notify_one();
}

void Core::complete_unhandled(const HeldPtr& held) {
  --running_;
  ++finished_;
  leave_lane_locked(*held);
  switch (config_.on_unhandled) {
    case OnUnhandled::ack: settle_later_locked(held, SettleAction::ack, Account::unhandled); break;
    case OnUnhandled::dead_letter:
      held->verdict.reason = "no handler for type '" + held->event->type + "'";
      held->failures.first = held->failures.last = utc_now();
      settle_later_locked(held, config_.enable_dlq ? SettleAction::dead_letter : SettleAction::drop,
                          Account::unhandled);
      break;
    case OnUnhandled::release:
      held->release_count = held->token.attempt > 0 ? held->token.attempt - 1 : 0;
      released_here_[held->token.position] = now() + config_.retry.initial;
      settle_later_locked(held, SettleAction::release, Account::unhandled);
      break;
  }
  if (stopping_) drain_cv_.notify_all();
  if (!receiving_ && lanes_.ready() <= prefetch_ / 2) intake_cv_.notify_one();
}

// A failed attempt: wait and try again, or, after the last one, give up.
void Core::fail_locked(const HeldPtr& held) {
  Failures& failures = held->failures;
  failures.last = utc_now();
  if (failures.count++ == 0) failures.first = failures.last;
  failures.to_run_again = std::move(held->verdict.to_run_again);
  if (held->token.attempt >= config_.max_retries + 1) {
    leave_lane_locked(*held);
    if (!config_.enable_dlq) {
      log(LogLevel::warn, "event '" + held->event->type + "' (" + held->event->id + ") is dropped after " +
                              std::to_string(held->token.attempt) +
                              " attempts, dead letters are disabled: " + held->verdict.reason);
    }
    settle_later_locked(held, config_.enable_dlq ? SettleAction::dead_letter : SettleAction::drop,
                        config_.enable_dlq ? Account::dead_lettered : Account::dropped);
    return;
  }
  counters_.failed.add();
  counters_.retried.add();
  milliseconds wait = held->verdict.after.value_or(backoff_locked(failures.count));
  if (stopping_) {  // the backoff goes on without this bus, as far as a lease can express it
    held->release_count = held->token.attempt;
    held->release_delay = std::min(wait, lease_);
    leave_lane_locked(*held);
    settle_later_locked(held, SettleAction::release, Account::counted);
    return;
  }
  Parked parked{held->token, now() + wait, failures, {}, false};
  if (config_.on_retry == OnRetry::block_key && held->owns_lane) {
    parked.lane = held->event->aggregate_id;
  } else {
    leave_lane_locked(*held);
  }
  forget_locked(held);
  park_locked(std::move(parked));
}

void Core::leave_lane_locked(Held& held) {
  if (!held.owns_lane) return;
  held.owns_lane = false;
  lanes_.release(held.event->aggregate_id);
  if (lanes_.ready() > 0) work_cv_.notify_one();
}

void Core::park_locked(Parked parked) {
  if (receiving_) wake_wanted_ = true;
  parked_order_.emplace(parked.due, parked.token.position);
  parked_.insert_or_assign(parked.token.position, std::move(parked));
  intake_cv_.notify_one();
}

void Core::forget_parked_locked(Position position) {
  auto at = parked_.find(position);
  if (at == parked_.end()) return;
  parked_order_.erase({at->second.due, position});
  if (!at->second.lane.empty()) lanes_.release(at->second.lane);
  parked_.erase(at);
  work_cv_.notify_one();
}

milliseconds Core::backoff_locked(std::uint32_t failures) {
  const auto& retry = config_.retry;
  double wait =
      static_cast<double>(retry.initial.count()) * std::pow(retry.multiplier, failures > 0 ? failures - 1 : 0);
  wait = std::min(wait, static_cast<double>(retry.max.count()));
  std::uniform_real_distribution<double> spread(1.0 - retry.jitter, 1.0 + retry.jitter);
  return milliseconds(static_cast<milliseconds::rep>(wait * spread(random_)));
}

}  // namespace eventbus::host
