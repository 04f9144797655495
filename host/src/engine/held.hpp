// One delivery that this bus holds, from its receive to the answer to its settlement.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <eventbus/backend.hpp>
#include <eventbus/handler.hpp>

namespace eventbus::host {

using SteadyTime = std::chrono::steady_clock::time_point;

// What the handlers of one delivery answered so far: dead_letter beats retry, which beats release, which beats ack.
struct Verdict {
  Outcome::Kind kind = Outcome::Kind::ack;
  std::optional<milliseconds> after;          // the longest that a handler asked for
  std::string reason;                         // of the first that decided the kind
  std::string handler;                        // whose reason it is
  std::vector<std::uint64_t> to_run_again{};  // subscriptions whose attempt failed

  static int rank(Outcome::Kind kind) noexcept {
    switch (kind) {
      case Outcome::Kind::ack: return 0;
      case Outcome::Kind::release: return 1;
      case Outcome::Kind::retry: return 2;
      case Outcome::Kind::dead_letter: return 3;
    }
    return 0;
  }

  void add(const Outcome& outcome, std::uint64_t subscription, std::string_view handler_name, std::string_view why) {
    if (outcome.kind() == Outcome::Kind::retry) {
      to_run_again.push_back(subscription);
      if (outcome.after()) after = std::max(after.value_or(milliseconds{0}), *outcome.after());
    }
    if (rank(outcome.kind()) > rank(kind)) {
      kind = outcome.kind();
      reason = why;
      handler = handler_name;
    }
  }
};

// A failed attempt's memory: what a retry needs besides the event.
struct Failures {
  Timestamp first{};
  Timestamp last{};
  std::uint32_t count = 0;                    // in this process
  std::vector<std::uint64_t> to_run_again{};  // subscriptions whose attempt failed; empty: all
};

// Which counter a settlement belongs to once it is done.
enum class Account {
  success,
  unhandled,
  released,
  dead_lettered,
  dropped,
  skipped_target,
  counted,  // earlier, as a failed attempt that is retried elsewhere
};

struct Held {
  enum class State { waiting, running, settling, gone };

  Token token;
  std::shared_ptr<const Event> event;
  SteadyTime leased_at{};  // when the read or renewal that leased it was sent
  State state = State::waiting;
  bool owns_lane = false;   // its aggregate's lane is already its own
  bool lease_lost = false;  // found out while it ran: its outcome has no effect
  bool solo = false;        // recovered with several attempts behind it: runs with no other such one
  std::atomic<bool> abandoned{false};
  int open_outcomes = 0;  // handlers that deferred, and the dispatch itself
  Verdict verdict;
  Failures failures;
  std::atomic<std::uint64_t> running_subscription{0};  // for reports about what still runs

  // The settlement, once state is `settling`.
  SettleAction action = SettleAction::ack;
  Account account = Account::success;
  std::uint32_t release_count = 0;
  milliseconds release_delay{0};
  bool resend = false;  // an earlier try failed or its answer was lost: guard it
};
using HeldPtr = std::shared_ptr<Held>;

// A retry that waits, or a recovered delivery that waits for room: a token without payload.
struct Parked {
  Token token;
  SteadyTime due{};
  Failures failures{};
  std::string lane{};      // the aggregate that it blocks, if any
  bool recovered = false;  // not yet run in this process
};

// Deliveries that wait for a worker, in order, with one running at a time per aggregate. No lock of its own.
class Lanes {
 public:
  void push(HeldPtr held) { ready_.push_back(std::move(held)); }

  // The next that may run, or null. Its lane is then taken until release().
  HeldPtr take() {
    while (!ready_.empty()) {
      HeldPtr held = std::move(ready_.front());
      ready_.pop_front();
      if (held->state == Held::State::gone) continue;
      const std::string& key = held->event->aggregate_id;
      if (key.empty() || held->owns_lane) return held;
      auto [lane, free] = lanes_.try_emplace(key);
      if (free) {
        held->owns_lane = true;
        return held;
      }
      lane->second.push_back(std::move(held));
      ++blocked_;
    }
    return nullptr;
  }

  // Lets the next of this aggregate run, ahead of the others: it has waited longer.
  void release(const std::string& key) {
    auto lane = lanes_.find(key);
    if (lane == lanes_.end()) return;
    while (!lane->second.empty()) {
      HeldPtr next = std::move(lane->second.front());
      lane->second.pop_front();
      --blocked_;
      if (next->state == Held::State::gone) continue;
      next->owns_lane = true;
      ready_.push_front(std::move(next));
      return;
    }
    lanes_.erase(lane);
  }

  // Everything that waits, blocked ones included.
  std::vector<HeldPtr> take_all() {
    std::vector<HeldPtr> all;
    for (auto& held : ready_) {
      if (held->state != Held::State::gone) all.push_back(std::move(held));
    }
    ready_.clear();
    for (auto& [key, lane] : lanes_) {
      for (auto& held : lane) {
        if (held->state != Held::State::gone) all.push_back(std::move(held));
      }
      lane.clear();
    }
    blocked_ = 0;
    return all;
  }

  void clear() {
    ready_.clear();
    lanes_.clear();
    blocked_ = 0;
  }

  std::size_t ready() const noexcept { return ready_.size(); }
  std::size_t blocked() const noexcept { return blocked_; }

 private:
  std::deque<HeldPtr> ready_;
  std::unordered_map<std::string, std::deque<HeldPtr>> lanes_;  // aggregates that have one running or parked
  std::size_t blocked_ = 0;
};

}  // namespace eventbus::host
