// A core without threads, and the bus whose driver decides what runs when.
#include <algorithm>

#include "engine/core.hpp"

namespace eventbus::host {

bool Core::run_one(Registry::Reader& reader) {
  HeldPtr held;
  {
    std::lock_guard lock(mutex_);
    held = take_work_locked();
    if (!held) {
      ran_dry_ = true;
      return false;
    }
  }
  dispatch(held, reader);
  poke();
  return true;
}

std::size_t Core::runnable() const {
  std::lock_guard lock(mutex_);
  return lanes_.ready();
}

std::optional<SteadyTime> Core::next_timer() const {
  std::lock_guard lock(mutex_);
  if (!started_) return std::nullopt;
  SteadyTime next = next_renew_;
  if (!registry_.empty()) next = std::min({next, next_sweep_, next_claim_});
  if (!settle_again_.empty()) next = std::min(next, settle_again_.begin()->first);
  if (!parked_order_.empty()) next = std::min(next, parked_order_.begin()->first);
  return next;
}

std::optional<SteadyTime> Core::next_due() const {
  std::lock_guard lock(mutex_);
  std::optional<SteadyTime> next;
  auto earlier = [&](SteadyTime time) { next = next ? std::min(*next, time) : time; };
  if (!settle_again_.empty()) earlier(settle_again_.begin()->first);
  if (!parked_order_.empty()) earlier(parked_order_.begin()->first);
  return next;
}

void Core::crash() noexcept {
  std::lock_guard lifecycle(lifecycle_mutex_);
  {
    std::lock_guard lock(mutex_);
    for (auto& [position, held] : held_) {
      held->abandoned = true;
      held->state = Held::State::gone;
    }
    held_.clear();
    due_.clear();
    settle_again_.clear();
    lanes_.clear();
    parked_.clear();
    parked_order_.clear();
    recovered_waiting_ = running_ = busy_ = solo_ = 0;
    started_ = false;
  }
  consuming_ = false;
  gate_.close();
  backend_->close();
  link_up_ = false;
}

}  // namespace eventbus::host
