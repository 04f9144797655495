// Deliveries that wait for a worker, in order, with one running at a time per aggregate.
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/held.hpp"

namespace eventbus::host {

// No lock of its own.
//
// What waits behind its aggregate keeps its event up to a bound; beyond it the event is let go, and fetched again when
// its turn comes near.
class Lanes {
 public:
  explicit Lanes(std::size_t max_blocked_events = static_cast<std::size_t>(-1)) noexcept
      : max_blocked_events_(max_blocked_events) {}

  void push(HeldPtr held) { ready_.push_back(std::move(held)); }

  // The next that may run, or null. Its lane is then taken until release().
  HeldPtr take() {
    while (!ready_.empty()) {
      HeldPtr held = std::move(ready_.front());
      ready_.pop_front();
      if (held->state == Held::State::gone) continue;
      if (held->owns_lane || held->aggregate().empty()) return held;
      auto [lane, free] = lanes_.try_emplace(held->aggregate());
      if (free) {
        held->owns_lane = true;
        return held;
      }
      block(lane->second, std::move(held));
    }
    return nullptr;
  }

  // Lets the next of this aggregate run, ahead of the others: it has waited longer.
  void release(const std::string& aggregate) {
    auto lane = lanes_.find(aggregate);
    if (lane == lanes_.end()) return;
    while (!lane->second.empty()) {
      HeldPtr next = std::move(lane->second.front());
      lane->second.pop_front();
      (next->event ? blocked_events_ : blocked_tokens_) -= 1;
      if (next->state == Held::State::gone) continue;
      next->owns_lane = true;
      if (next->event) {
        ready_.push_front(std::move(next));
      } else {
        to_fetch_.push_back(std::move(next));
      }
      return;
    }
    lanes_.erase(lane);
  }

  // Deliveries whose event is wanted back, each followed by some that are next behind it, `max` in all. What comes back
  // is given to fetched().
  std::vector<HeldPtr> take_to_fetch(std::size_t max) {
    constexpr std::size_t ahead = 32;
    std::vector<HeldPtr> wanted;
    while (!to_fetch_.empty() && wanted.size() < max) {
      HeldPtr head = std::move(to_fetch_.front());
      to_fetch_.pop_front();
      if (head->state == Held::State::gone) {
        release(std::string(head->aggregate()));
        continue;
      }
      auto lane = lanes_.find(head->aggregate());
      wanted.push_back(std::move(head));
      if (lane == lanes_.end()) continue;
      std::size_t taken = 0;
      for (const HeldPtr& next : lane->second) {
        if (next->event || taken++ == ahead || wanted.size() == max) break;
        if (next->state != Held::State::gone) wanted.push_back(next);
      }
    }
    return wanted;
  }
  bool wants_fetch() const noexcept { return !to_fetch_.empty(); }

  void fetched(const HeldPtr& held, std::shared_ptr<const Event> event) {
    if (held->event) return;
    held->event = std::move(event);
    if (held->owns_lane) {
      ready_.push_front(held);
    } else {
      --blocked_tokens_;
      ++blocked_events_;
    }
  }
  void fetch_again(HeldPtr held) {
    if (held->owns_lane) to_fetch_.push_back(std::move(held));
  }

  // Everything that waits, blocked ones included.
  std::vector<HeldPtr> take_all() {
    std::vector<HeldPtr> all;
    auto take_from = [&](std::deque<HeldPtr>& waiting) {
      for (HeldPtr& held : waiting) {
        if (held->state != Held::State::gone) all.push_back(std::move(held));
      }
      waiting.clear();
    };
    take_from(ready_);
    take_from(to_fetch_);
    for (auto& [aggregate, lane] : lanes_) take_from(lane);
    blocked_events_ = blocked_tokens_ = 0;
    return all;
  }

  void clear() {
    ready_.clear();
    to_fetch_.clear();
    lanes_.clear();
    blocked_events_ = blocked_tokens_ = 0;
  }

  std::size_t ready() const noexcept { return ready_.size(); }
  std::size_t blocked() const noexcept { return blocked_events_ + blocked_tokens_; }
  std::size_t tokens() const noexcept { return blocked_tokens_ + to_fetch_.size(); }  // waiting without their event

 private:
  void block(std::deque<HeldPtr>& lane, HeldPtr held) {
    if (blocked_events_ < max_blocked_events_ && (lane.empty() || lane.back()->event)) {
      ++blocked_events_;
    } else {
      held->lane = held->event->aggregate_id;
      held->event = nullptr;
      ++blocked_tokens_;
    }
    lane.push_back(std::move(held));
  }

  const std::size_t max_blocked_events_;
  std::deque<HeldPtr> ready_;
  std::deque<HeldPtr> to_fetch_;                                // their lane is theirs, their event is not here
  std::unordered_map<std::string, std::deque<HeldPtr>> lanes_;  // aggregates that have one running or parked
  std::size_t blocked_events_ = 0, blocked_tokens_ = 0;
};

}  // namespace eventbus::host
