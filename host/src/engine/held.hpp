// One delivery that this bus holds, from its receive to the answer to its settlement.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <eventbus/backend.hpp>
#include <eventbus/handler.hpp>

#include "engine/sweep.hpp"

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
    decide(outcome.kind(), handler_name, why);
  }

  void add(Verdict other) {
    decide(other.kind, other.handler, other.reason);
    if (other.after) after = std::max(after.value_or(milliseconds{0}), *other.after);
    to_run_again.insert(to_run_again.end(), other.to_run_again.begin(), other.to_run_again.end());
  }

 private:
  void decide(Outcome::Kind by, std::string_view handler_name, std::string_view why) {
    if (rank(by) <= rank(kind)) return;
    kind = by;
    reason = why;
    handler = handler_name;
  }
};

// A failed attempt's memory: what a retry needs besides the event.
struct Failures {
  Timestamp first{};
  Timestamp last{};
  std::uint32_t count = 0;                    // in this process
  std::vector<std::uint64_t> to_run_again{};  // subscriptions whose attempt failed; empty: all

  void note(Timestamp now) noexcept {
    last = now;
    if (count++ == 0) first = now;
  }
};

// Which counter a settlement belongs to once it is done.
enum class Account {
  success,
  unhandled,
  released,
  dead_lettered,
  dropped,
  skipped_target,
  counted,  // earlier, as a failed attempt that is retried elsewhere; or never, since nobody was handed the event
};

struct Held {
  enum class State { waiting, running, settling, gone };

  Token token;
  std::shared_ptr<const Event> event;  // null: let go while it waits behind its aggregate, to be fetched again
  std::string lane{};                  // its aggregate, once the event was let go
  SteadyTime leased_at{};              // when the read or renewal that leased it was sent
  SteadyTime started_at{};             // its handlers, once running
  State state = State::waiting;
  bool owns_lane = false;   // its aggregate's lane is already its own
  bool lease_lost = false;  // found out while it ran: its outcome has no effect
  bool hung = false;        // past `max_handling_ms`: its lease is not renewed any more
  bool warned = false;      // that it takes long
  bool solo = false;        // recovered with several attempts behind it: runs with no other such one
  std::atomic<bool> abandoned{false};
  int open_outcomes = 0;  // handlers that deferred, and the dispatch itself
  Verdict verdict{};
  Failures failures{};
  std::uint32_t max_retries = 0;
  SweepPtr sweep{};                                    // the manual recovery that waits for its outcome
  std::atomic<std::uint64_t> running_subscription{0};  // for reports about what still runs

  // The settlement, once state is `settling`.
  SettleAction action = SettleAction::ack;
  Account account = Account::success;
  std::uint32_t release_count = 0;
  milliseconds release_delay{0};
  milliseconds settle_backoff{0};  // before the next try, after a failure
  bool resend = false;             // an earlier try failed or its answer was lost: guard it

  const std::string& aggregate() const noexcept { return event ? event->aggregate_id : lane; }
};
using HeldPtr = std::shared_ptr<Held>;

// A retry that waits, or a recovered delivery that waits for room: a token without payload.
struct Parked {
  Token token;
  SteadyTime due{};
  Failures failures{};
  std::string lane{};      // the aggregate that it blocks, if any
  bool recovered = false;  // not yet run in this process
  std::uint32_t max_retries = 0;
  SweepPtr sweep{};
  bool alone = false;  // recovered with several attempts behind it: runs with no other such one
};

}  // namespace eventbus::host
