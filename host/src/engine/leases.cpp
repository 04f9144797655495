// The heartbeat: the lease of everything that is held, and of the consumer's name; and what hangs.
#include "engine/core.hpp"

namespace eventbus::host {

void Core::renew_all() {
  std::vector<Token> tokens;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [position, held] : held_) {
      if (!held->hung) tokens.push_back(held->token);
    }
    for (const auto& [position, parked] : parked_) tokens.push_back(parked.token);
  }
  std::vector<HoldStatus> results(tokens.size(), HoldStatus::mine);
  SteadyTime sent_at = now();
  backend_->renew(tokens, results);
  {
    std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < tokens.size(); ++i) apply_renewal_locked(tokens[i], results[i], sent_at);
  }
  work_cv_.notify_all();
  sweep_cv_.notify_all();
}

void Core::apply_renewal_locked(const Token& token, HoldStatus status, SteadyTime sent_at) {
  bool lost = status == HoldStatus::lost;
  auto at = held_.find(token.position);
  if (at == held_.end()) {
    auto parked = parked_.find(token.position);
    if (parked == parked_.end() || parked->second.token != token || status == HoldStatus::mine) return;
    if (lost) note_lost(1);
    close_account(parked->second.sweep, lost ? &RecoveryReport::lost : nullptr);
    forget_parked_locked(token.position);
    return;
  }
  HeldPtr held = at->second;
  if (held->token != token) return;
  if (status == HoldStatus::mine) {
    held->leased_at = sent_at;
  } else if (held->state == Held::State::running) {
    held->lease_lost = true;
  } else if (held->state == Held::State::waiting) {
    (lost ? counters_.lost : counters_.lease_lost).add();
    close_account(held->sweep, lost ? &RecoveryReport::lost : nullptr);
    leave_lane_locked(*held);
    forget_locked(held);
  }  // while settling, the answer to the settlement tells
}

// Past `max_handling_ms` a handler's lease is not renewed any more, so that another consumer takes the event.
void Core::look_for_hung_locked(SteadyTime time) {
  if (config_.max_handling.count() == 0) return;
  for (const auto& [position, held] : held_) {
    if (held->state != Held::State::running || held->hung) continue;
    auto ran = std::chrono::duration_cast<milliseconds>(time - held->started_at);
    bool hung = ran >= config_.max_handling;
    if (!hung && (held->warned || ran < config_.max_handling / 2)) continue;
    std::string handler = registry_.name_of(held->running_subscription);
    log(hung ? LogLevel::error : LogLevel::warn,
        "event '" + held->event->type + "' (" + held->event->id + ") at " + to_string(position) + " is in " +
            (handler.empty() ? "a handler" : handler) + " for " + std::to_string(ran.count()) + " ms" +
            (hung ? ", past max_handling_ms: its lease is not renewed any more" : ""));
    held->warned = true;
    held->hung = hung;
  }
}

}  // namespace eventbus::host
