// What becomes of a delivery once its outcome is known, up to the backend's answer.
#include <algorithm>

#include "engine/core.hpp"

namespace eventbus::host {
namespace {
constexpr milliseconds first_settle_again{100};
constexpr milliseconds last_settle_again{5000};
constexpr std::size_t settle_again_at_once = 1000;
}  // namespace

void Core::settle_later_locked(const HeldPtr& held, SettleAction action, Account account) {
  held->state = Held::State::settling;
  held->action = action;
  held->account = account;
  if (due_.empty()) due_since_ = now();
  due_.push_back(held);
}

// A delivery that no handler is to see: its settlement is all that is left.
HeldPtr Core::unrun_locked(Token token, SteadyTime leased_at, std::string reason) {
  static const auto nothing = std::make_shared<const Event>();
  auto held = std::make_shared<Held>();
  held->token = token;
  held->event = nothing;
  held->leased_at = leased_at;
  held->verdict.reason = std::move(reason);
  held->failures.first = held->failures.last = utc_now();
  held->failures.count = token.attempt;
  held->release_count = token.attempt;
  held_.try_emplace(token.position, held);  // one that hangs keeps its place
  return held;
}

Core::SettlementBatch Core::take_settlements_locked() {
  SettlementBatch batch;
  SteadyTime time = now();
  std::size_t again = 0;
  while (!settle_again_.empty() && settle_again_.begin()->first <= time && again++ < settle_again_at_once) {
    due_.push_back(std::move(settle_again_.begin()->second));
    settle_again_.erase(settle_again_.begin());
  }
  if (due_.empty()) return batch;
  batch.items.reserve(due_.size());
  for (HeldPtr& held : due_) {
    if (held->state == Held::State::settling) batch.items.push_back(std::move(held));
  }
  due_.clear();
  batch.settlements.reserve(batch.items.size());
  for (const HeldPtr& held : batch.items) {
    Settlement& settlement = batch.settlements.emplace_back();
    settlement.token = held->token;
    settlement.action = held->action;
    // Plain only while the lease can't have run out: the owner can't have changed then.
    settlement.guarded = held->resend || held->hung || held->action == SettleAction::release ||
                         held->action == SettleAction::dead_letter || time - held->leased_at > lease_ / 2;
    settlement.release_count = held->release_count;
    settlement.release_delay = held->release_delay;
    if (held->action == SettleAction::dead_letter) {
      const Failures& failures = held->failures;
      batch.reasons.push_back(
          {held->verdict.handler, held->verdict.reason, held->token.attempt, failures.first, failures.last});
      settlement.dead = &batch.reasons.back();
    }
  }
  return batch;
}

void Core::apply_results(const SettlementBatch& batch, std::span<const SettleResult> results) {
  std::string refused;
  {
    std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < batch.items.size() && i < results.size(); ++i) {
      bool open = results[i].status == SettleStatus::failed || results[i].status == SettleStatus::unknown;
      if (open && refused.empty()) refused = results[i].error.empty() ? "no reason given" : results[i].error;
      apply_result_locked(batch.items[i], results[i]);
    }
    if (!refused.empty()) {
      settle_trouble_ = refused;
    } else if (settle_again_.empty()) {
      settle_trouble_.clear();
    }
  }
  drain_cv_.notify_all();
  sweep_cv_.notify_all();
  if (!refused.empty()) {
    report("settle", Error(ErrorCode::unavailable,
                           "engine: cannot settle deliveries: " + refused + "; they stay pending and are tried again"));
  }
}

void Core::apply_result_locked(const HeldPtr& held, const SettleResult& result) {
  if (held->state == Held::State::gone) return;  // the stop has given it up meanwhile
  bool counted = held->account == Account::counted;
  switch (result.status) {
    case SettleStatus::done: count_settled_locked(*held); break;
    case SettleStatus::absent:
      // Of a resend: the earlier try, whose answer was lost, did it.
      if (held->resend) {
        count_settled_locked(*held);
      } else if (!counted) {
        counters_.lease_lost.add();
      }
      break;
    case SettleStatus::not_mine:
      if (!counted) counters_.lease_lost.add();
      break;
    case SettleStatus::lost:
      if (!counted) counters_.lost.add();
      close_account(held->sweep, &RecoveryReport::lost);
      break;
    case SettleStatus::failed:
    case SettleStatus::unknown:
      counters_.settle_failed.add();
      held->resend = true;
      // Each waits for itself: one that can't be written holds up no other.
      held->settle_backoff = std::clamp(held->settle_backoff * 2, first_settle_again, last_settle_again);
      settle_again_.emplace(now() + held->settle_backoff, held);
      return;
  }
  close_account(held->sweep, nullptr);
  forget_locked(held);
}

void Core::count_settled_locked(Held& held) noexcept {
  std::uint64_t RecoveryReport::*swept = nullptr;
  switch (held.account) {
    case Account::success:
      counters_.success.add();
      swept = &RecoveryReport::reprocessed;
      break;
    case Account::unhandled:
      counters_.unhandled.add();
      if (held.action != SettleAction::release) swept = &RecoveryReport::reprocessed;
      break;
    case Account::released: counters_.released.add(); break;
    case Account::skipped_target:
      counters_.skipped_target.add();
      swept = &RecoveryReport::reprocessed;
      break;
    case Account::dead_lettered:
      counters_.failed.add();
      counters_.dead_lettered.add();
      swept = &RecoveryReport::dead_lettered;
      break;
    case Account::dropped:
      counters_.failed.add();
      counters_.dropped.add();
      swept = &RecoveryReport::dead_lettered;
      break;
    case Account::counted: break;
  }
  close_account(held.sweep, swept);
}

void Core::apply_unknown(const SettlementBatch& batch, const std::string& why) {
  if (batch.items.empty()) return;
  std::vector<SettleResult> results(batch.items.size(), SettleResult{SettleStatus::unknown, true, why});
  apply_results(batch, results);
}

bool Core::settle_now(SettlementBatch batch) {
  if (batch.items.empty()) return false;
  std::vector<SettleResult> results(batch.items.size());
  try {
    backend_->settle(batch.settlements, results);
  } catch (const Error& error) {
    apply_unknown(batch, error.what());
    return true;
  }
  apply_results(batch, results);
  return true;
}

void Core::forget_locked(const HeldPtr& held) {
  if (held->state == Held::State::gone) return;
  held->state = Held::State::gone;
  if (held->solo) --solo_;
  auto at = held_.find(held->token.position);
  if (at != held_.end() && at->second == held) held_.erase(at);
}

}  // namespace eventbus::host
