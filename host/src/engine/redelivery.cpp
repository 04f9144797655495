// Events of tokens that this consumer holds, brought again: retries, recovered ones, and those that were let go.
#include <algorithm>

#include "engine/core.hpp"

namespace eventbus::host {
namespace {
constexpr milliseconds redeliver_again{1000};
}

class Core::RedeliverSink final : public DeliverySink {
 public:
  RedeliverSink(Core& core, SteadyTime sent_at, std::unordered_map<Position, Parked>* from)
      : core_(core), sent_at_(sent_at), from_(from) {}
  void delivered(std::span<const DeliveryView> batch) override { core_.take_in(batch, sent_at_, from_); }

 private:
  Core& core_;
  SteadyTime sent_at_;
  std::unordered_map<Position, Parked>* from_;
};

// Retries that are due and recovered deliveries, as many as there is room for. What has several attempts behind it may
// be what kills its consumer: such a one runs alone, so that no neighbour is charged with it.
std::vector<Parked> Core::take_due_locked(SteadyTime time) {
  std::vector<Parked> due;
  std::size_t held = events_held_locked();
  std::size_t room = held < config_.max_in_flight ? config_.max_in_flight - held : 0;
  room = std::min<std::size_t>(room, std::max<std::size_t>(prefetch_, config_.concurrency));
  bool solo_taken = solo_ > 0;
  for (auto at = parked_order_.begin(); at != parked_order_.end() && at->first <= time && due.size() < room;) {
    auto parked = parked_.find(at->second);
    bool solo = parked->second.alone;
    if (solo && solo_taken) {
      ++at;
      continue;
    }
    solo_taken = solo_taken || solo;
    if (parked->second.recovered && !solo) --recovered_waiting_;
    due.push_back(std::move(parked->second));
    parked_.erase(parked);
    at = parked_order_.erase(at);
  }
  return due;
}

void Core::redeliver(std::vector<Parked> parked) {
  std::vector<Token> tokens;
  std::unordered_map<Position, Parked> from;
  for (Parked& one : parked) {
    tokens.push_back(one.token);
    from.emplace(one.token.position, std::move(one));
  }
  std::vector<HoldStatus> results(tokens.size(), HoldStatus::mine);
  RedeliverSink sink(*this, now(), &from);
  try {
    backend_->redeliver(tokens, true, results, sink);
  } catch (const Error&) {
    std::lock_guard lock(mutex_);
    for (auto& [position, one] : from) {
      one.due = now() + redeliver_again;
      park_locked(std::move(one));
    }
    throw;
  }
  {
    std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      auto at = from.find(tokens[i].position);
      if (at == from.end()) continue;  // delivered
      bool lost = results[i] == HoldStatus::lost;
      if (lost) note_lost(1);
      close_account(at->second.sweep, lost ? &RecoveryReport::lost : nullptr);
      if (!at->second.lane.empty()) free_lane_locked(at->second.lane);
    }
  }
  work_cv_.notify_all();
  sweep_cv_.notify_all();
}

// Brings back events that were let go while they waited behind their aggregate. Counts nothing.
void Core::fetch(const std::vector<HeldPtr>& wanted) {
  std::vector<Token> tokens;
  {
    std::lock_guard lock(mutex_);
    for (const HeldPtr& held : wanted) tokens.push_back(held->token);
  }
  std::vector<HoldStatus> results(tokens.size(), HoldStatus::mine);
  RedeliverSink sink(*this, now(), nullptr);
  try {
    backend_->redeliver(tokens, false, results, sink);
  } catch (const Error&) {
    std::lock_guard lock(mutex_);
    for (const HeldPtr& held : wanted) {
      if (!held->event) lanes_.fetch_again(held);
    }
    throw;
  }
  std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const HeldPtr& held = wanted[i];
    if (held->event || held->state == Held::State::gone) continue;
    if (results[i] == HoldStatus::mine) {
      lanes_.fetch_again(held);  // its event did not come along
      continue;
    }
    (results[i] == HoldStatus::lost ? counters_.lost : counters_.lease_lost).add();
    close_account(held->sweep, results[i] == HoldStatus::lost ? &RecoveryReport::lost : nullptr);
    leave_lane_locked(*held);
    forget_locked(held);
  }
  work_cv_.notify_all();
}

}  // namespace eventbus::host
