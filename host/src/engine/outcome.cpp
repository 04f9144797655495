// What the outcome of a delivery means: settled, released, retried after a while, or dead.
#include <algorithm>
#include <cmath>

#include "engine/core.hpp"

namespace eventbus::host {

void Core::finish_one_outcome_locked(const HeldPtr& held) {
  if (--held->open_outcomes == 0) complete_locked(held);
}

void Core::complete_locked(const HeldPtr& held) {
  --running_;
  ++finished_;
  if (held->lease_lost) {
    counters_.lease_lost.add();
    close_account(held->sweep, nullptr);
    leave_lane_locked(*held);
    forget_locked(held);
  } else {
    switch (held->verdict.kind) {
      case Outcome::Kind::retry: fail_locked(held); break;
      case Outcome::Kind::dead_letter:
        held->failures.note(utc_now());
        bury_locked(held, Account::dead_lettered);
        break;
      case Outcome::Kind::release:
        released_here_[held->token.position] = now() + config_.retry.initial;
        release_locked(held, Account::released);
        break;
      case Outcome::Kind::ack:
        leave_lane_locked(*held);
        settle_later_locked(held, SettleAction::ack, Account::success);
        break;
    }
  }
  if (stopping_) drain_cv_.notify_all();
  // Half of the buffer is done: time for the next read, before the workers run dry.
  if (!receiving_ && lanes_.ready() <= prefetch_ / 2) intake_cv_.notify_one();
}

void Core::complete_unhandled_locked(const HeldPtr& held) {
  --running_;
  ++finished_;
  switch (config_.on_unhandled) {
    case OnUnhandled::ack:
      leave_lane_locked(*held);
      settle_later_locked(held, SettleAction::ack, Account::unhandled);
      break;
    case OnUnhandled::dead_letter:
      held->verdict.reason = "no handler for type '" + held->event->type + "'";
      held->failures.note(utc_now());
      bury_locked(held, Account::unhandled);
      break;
    case OnUnhandled::release:
      released_here_[held->token.position] = now() + config_.retry.initial;
      release_locked(held, Account::unhandled);
      break;
  }
  if (stopping_) drain_cv_.notify_all();
  if (!receiving_ && lanes_.ready() <= prefetch_ / 2) intake_cv_.notify_one();
}

// To the dead letters, or, where they are disabled, dropped, and called that.
void Core::bury_locked(const HeldPtr& held, Account account) {
  leave_lane_locked(*held);
  if (config_.enable_dlq && capabilities_.dead_letters) {
    settle_later_locked(held, SettleAction::dead_letter, account);
    return;
  }
  std::string why = config_.enable_dlq ? "not kept by this backend" : "disabled";
  log(LogLevel::warn, "event '" + held->event->type + "' (" + held->event->id + ") at " +
                          to_string(held->token.position) + " is dropped after " + std::to_string(held->token.attempt) +
                          " attempts, dead letters are " + why + ": " + held->verdict.reason);
  settle_later_locked(held, SettleAction::drop, account == Account::dead_lettered ? Account::dropped : account);
}

// Back to the group with no attempt used.
void Core::release_locked(const HeldPtr& held, Account account) {
  held->release_count = held->token.attempt > 0 ? held->token.attempt - 1 : 0;
  leave_lane_locked(*held);
  settle_later_locked(held, SettleAction::release, account);
}

// A failed attempt: wait and try again, or, after the last one, give up.
void Core::fail_locked(const HeldPtr& held) {
  Failures& failures = held->failures;
  failures.note(utc_now());
  failures.to_run_again = std::move(held->verdict.to_run_again);
  if (held->token.attempt >= held->max_retries + 1) {
    bury_locked(held, Account::dead_lettered);
    return;
  }
  counters_.failed.add();
  counters_.retried.add();
  close_account(held->sweep, &RecoveryReport::failed);
  sweep_cv_.notify_all();
  milliseconds wait = held->verdict.after.value_or(backoff_locked(failures.count));
  if (stopping_) {  // the backoff goes on without this bus, as far as a lease can express it
    held->release_count = held->token.attempt;
    held->release_delay = std::min(wait, lease_);
    leave_lane_locked(*held);
    settle_later_locked(held, SettleAction::release, Account::counted);
    return;
  }
  Parked parked{held->token, now() + wait, failures, {}, false, held->max_retries, nullptr};
  if (config_.on_retry == OnRetry::block_key && held->owns_lane) {
    parked.lane = held->event->aggregate_id;
  } else {
    leave_lane_locked(*held);
  }
  forget_locked(held);
  park_locked(std::move(parked));
}

void Core::leave_lane_locked(Held& held) {
  if (!std::exchange(held.owns_lane, false)) return;
  free_lane_locked(held.aggregate());
}

void Core::free_lane_locked(const std::string& aggregate) {
  lanes_.release(aggregate);
  if (lanes_.ready() > 0) work_cv_.notify_one();
  if (lanes_.wants_fetch()) wake_intake_locked();
}

void Core::park_locked(Parked parked) {
  parked.alone = parked.recovered && parked.token.attempt >= 2;
  if (parked.recovered && !parked.alone) ++recovered_waiting_;
  parked_order_.emplace(parked.due, parked.token.position);
  parked_.insert_or_assign(parked.token.position, std::move(parked));
  wake_intake_locked();
}

void Core::forget_parked_locked(Position position) {
  auto at = parked_.find(position);
  if (at == parked_.end()) return;
  if (at->second.recovered && !at->second.alone) --recovered_waiting_;
  close_account(at->second.sweep, nullptr);
  parked_order_.erase({at->second.due, position});
  if (!at->second.lane.empty()) free_lane_locked(at->second.lane);
  parked_.erase(at);
}

// The consumer thread is to look again, also if it waits in a receive: whoever calls this calls poke() after the lock.
void Core::wake_intake_locked() noexcept {
  poked_ = true;
  if (receiving_) wake_wanted_ = true;
  intake_cv_.notify_one();
}

milliseconds Core::backoff_locked(std::uint32_t failures) {
  const auto& retry = config_.retry;
  double wait =
      static_cast<double>(retry.initial.count()) * std::pow(retry.multiplier, failures > 0 ? failures - 1 : 0);
  wait = std::min(wait, static_cast<double>(retry.max.count()));
  std::uniform_real_distribution<double> spread(1.0 - retry.jitter, 1.0 + retry.jitter);
  return milliseconds(static_cast<milliseconds::rep>(wait * spread(random_)));
}

// Between `least` of the time and all of it.
milliseconds Core::jittered_locked(milliseconds time, double least) {
  std::uniform_real_distribution<double> spread(least, 1.0);
  return milliseconds(static_cast<milliseconds::rep>(static_cast<double>(time.count()) * spread(random_)));
}

}  // namespace eventbus::host
