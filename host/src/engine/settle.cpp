// What becomes of a delivery once its outcome is known, up to the backend's answer.
#include <algorithm>

#include "engine/core.hpp"

namespace eventbus::host {

void Core::settle_later_locked(const HeldPtr& held, SettleAction action, Account account) {
  held->state = Held::State::settling;
  held->action = action;
  held->account = account;
  if (due_.empty()) due_since_ = now();
  due_.push_back(held);
}

// A delivery that no handler is to see: its settlement is all that is left.
void Core::settle_unrun_locked(Token token, SteadyTime leased_at, SettleAction action, Account account,
                               std::string reason) {
  static const auto nothing = std::make_shared<const Event>();
  auto held = std::make_shared<Held>();
  held->token = token;
  held->event = nothing;
  held->leased_at = leased_at;
  held->verdict.reason = std::move(reason);
  held->failures.first = held->failures.last = utc_now();
  held->failures.count = token.attempt;
  held->release_count = token.attempt;
  held_[token.position] = held;
  settle_later_locked(held, action, account);
}

Core::SettlementBatch Core::take_settlements_locked() {
  SettlementBatch batch;
  SteadyTime time = now();
  if (due_.empty() || time < settle_after_) return batch;
  batch.items.assign(due_.begin(), due_.end());
  due_.clear();
  batch.settlements.reserve(batch.items.size());
  for (const HeldPtr& held : batch.items) {
    Settlement& settlement = batch.settlements.emplace_back();
    settlement.token = held->token;
    settlement.action = held->action;
    // Plain only while the lease can't have run out: the owner can't have changed then.
    settlement.guarded = held->resend || held->action == SettleAction::release ||
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
      const HeldPtr& held = batch.items[i];
      const SettleResult& result = results[i];
      bool counted = held->account == Account::counted;
      switch (result.status) {
        case SettleStatus::absent:
          if (!held->resend) {
            if (!counted) counters_.lease_lost.add();
            break;
          }
          [[fallthrough]];  // the earlier try, whose answer was lost, did it
        case SettleStatus::done:
          switch (held->account) {
            case Account::success: counters_.success.add(); break;
            case Account::unhandled: counters_.unhandled.add(); break;
            case Account::released: counters_.released.add(); break;
            case Account::skipped_target: counters_.skipped_target.add(); break;
            case Account::dead_lettered:
              counters_.failed.add();
              counters_.dead_lettered.add();
              break;
            case Account::dropped:
              counters_.failed.add();
              counters_.dropped.add();
              break;
            case Account::counted: break;
          }
          break;
        case SettleStatus::not_mine:
          if (!counted) counters_.lease_lost.add();
          break;
        case SettleStatus::lost:
          if (!counted) counters_.lost.add();
          break;
        case SettleStatus::failed:
        case SettleStatus::unknown:
          counters_.settle_failed.add();
          held->resend = true;
          due_.push_back(held);
          settle_after_ = now() + (result.status == SettleStatus::failed && !result.retryable ? milliseconds{1000}
                                                                                              : milliseconds{100});
          if (refused.empty()) refused = result.error;
          continue;
      }
      forget_locked(held);
    }
  }
  drain_cv_.notify_all();
  if (!refused.empty()) {
    report("settle", Error(ErrorCode::unavailable,
                           "engine: cannot settle deliveries: " + refused + "; they stay pending and are tried again"));
  }
}

void Core::apply_unknown(const SettlementBatch& batch, const std::string& why) {
  if (batch.items.empty()) return;
  std::vector<SettleResult> results(batch.items.size(), SettleResult{SettleStatus::unknown, true, why});
  apply_results(batch, results);
}

void Core::settle_now(SettlementBatch batch) {
  if (batch.items.empty()) return;
  std::vector<SettleResult> results(batch.items.size());
  try {
    backend_->settle(batch.settlements, results);
  } catch (const Error& error) {
    apply_unknown(batch, error.what());
    return;
  }
  apply_results(batch, results);
}

void Core::forget_locked(const HeldPtr& held) {
  if (held->state == Held::State::gone) return;
  held->state = Held::State::gone;
  if (held->solo) --solo_;
  auto at = held_.find(held->token.position);
  if (at != held_.end() && at->second == held) held_.erase(at);
}

}  // namespace eventbus::host
