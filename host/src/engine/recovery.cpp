// What an earlier life or another consumer left: taken up, claimed, swept.
#include <algorithm>

#include "engine/core.hpp"

namespace eventbus::host {
namespace {
constexpr milliseconds claim_budget{20};
constexpr std::uint32_t attempts_before_unrun = 3;  // a crash may charge an event or two that did no harm
}  // namespace

void Core::note_lost(std::uint64_t count) noexcept {
  counters_.consumed.add(count);
  counters_.lost.add(count);
}

// What this name held before this engine was. Beyond `max_parked` the rest comes through claims.
void Core::resume_own() {
  Cursor cursor{};
  do {
    std::vector<Token> tokens;
    SteadyTime sent_at = now();
    {
      std::lock_guard intake(intake_mutex_);
      cursor = backend_->resume(config_.batch_size, cursor, tokens);
    }
    std::lock_guard lock(mutex_);
    for (const Token& token : tokens) {
      bool here = held_.contains(token.position) || parked_.contains(token.position);  // of this life, inline
      if (!here) take_up_locked(token, sent_at, nullptr, true);
    }
    if (stopping_ || parked_.size() >= config_.max_parked) return;
  } while (cursor != Cursor{});
}

// A delivery from an earlier life or of another consumer. Past its attempts it goes to the dead letters unrun.
void Core::take_up_locked(const Token& token, SteadyTime leased_at, const SweepPtr& sweep, bool wanted) {
  if (sweep) ++sweep->outstanding;
  std::uint32_t retries = sweep ? sweep->max_retries : config_.max_retries;
  if (token.attempt >= std::max(attempts_before_unrun, retries + 1)) {
    counters_.consumed.add();
    HeldPtr held = unrun_locked(token, leased_at,
                                "delivered " + std::to_string(token.attempt) +
                                    " times and never settled: its consumer may die of it each time");
    held->sweep = sweep;
    bury_locked(held, Account::dead_lettered);
  } else if (!wanted) {
    HeldPtr held = unrun_locked(token, leased_at, {});
    held->sweep = sweep;
    settle_later_locked(held, SettleAction::release, Account::counted);
  } else {
    park_locked(Parked{token, now(), {}, {}, true, retries, sweep});
  }
}

// The small claim: soon takes up what was released, or left by a consumer that is gone. True if it found something.
bool Core::claim_some(std::size_t room) {
  SteadyTime begin = now();
  do {
    SteadyTime sent_at = now();
    ClaimResult result;
    {
      std::lock_guard intake(intake_mutex_);
      result = backend_->claim(lease_, room, claim_cursor_);
    }
    claim_cursor_ = result.next;
    note_lost(result.lost.size());
    if (take_over(result, sent_at, nullptr, true) > 0) return true;
    if (!result.tokens.empty()) return false;
    std::lock_guard lock(mutex_);
    if (stopping_) return false;
  } while (claim_cursor_ != Cursor{} && now() - begin < claim_budget);
  return false;
}

// How many of them are new to this bus.
std::size_t Core::take_over(const ClaimResult& result, SteadyTime sent_at, const SweepPtr& sweep, bool wanted) {
  std::size_t taken_up = 0;
  std::lock_guard lock(mutex_);
  SteadyTime time = now();
  std::erase_if(released_here_, [&](const auto& item) { return item.second <= time; });
  auto give_back = [&](const Token& token) {
    settle_later_locked(unrun_locked(token, sent_at, {}), SettleAction::release, Account::counted);
  };
  for (const Token& token : result.tokens) {
    if (auto at = held_.find(token.position); at != held_.end()) {
      const Held& held = *at->second;
      if (held.hung || (held.state == Held::State::settling && held.action == SettleAction::release)) {
        give_back(token);  // its lease has ended, or it was just released: whoever can run it should
      } else {
        at->second->token = token;
        at->second->leased_at = sent_at;
      }
    } else if (auto waiting = parked_.find(token.position); waiting != parked_.end()) {
      waiting->second.token = token;
    } else if (released_here_.contains(token.position)) {
      give_back(token);  // given back a moment ago: it is for the others first
    } else {
      take_up_locked(token, sent_at, sweep, wanted);
      ++taken_up;
    }
  }
  return taken_up;
}

// One claim of the sweep that is under way.
void Core::sweep_some(const SweepPtr& sweep, bool wanted, std::size_t room) {
  SteadyTime sent_at = now();
  std::size_t max = wanted ? std::min(sweep->batch, room) : sweep->batch;
  ClaimResult result;
  {
    std::lock_guard intake(intake_mutex_);
    result = backend_->claim(sweep->min_idle, max, sweep->cursor);
  }
  note_lost(result.lost.size());
  std::size_t taken = take_over(result, sent_at, sweep, wanted);
  {
    std::lock_guard lock(mutex_);
    sweep->report.checked += result.checked;
    sweep->report.claimed += taken;
    sweep->report.lost += result.lost.size();
    // A scan that comes round behind where it began has seen everything; what is released meanwhile is for later ones.
    sweep->scanned = result.next <= sweep->cursor;
    sweep->cursor = result.next;
    if (sweep->scanned) std::erase(sweeps_, sweep);
  }
  sweep_cv_.notify_all();
}

RecoveryReport Core::recover(const RecoveryOptions& options) {
  refuse_if_read_only("recover");
  auto sweep = std::make_shared<Sweep>();
  sweep->min_idle = options.min_idle.value_or(lease_);
  sweep->batch = options.batch_size > 0 ? options.batch_size : config_.batch_size;
  sweep->max_retries = options.max_retries.value_or(config_.max_retries);
  if (sweep->min_idle < lease_ && !options.force) {
    throw Error(ErrorCode::invalid_argument,
                "recover: cannot take over what idled for " + std::to_string(sweep->min_idle.count()) +
                    " ms: the lease is " + std::to_string(lease_.count()) +
                    " ms, so it may be in work elsewhere; set force where you know that it is not");
  }
  if (!consuming_ && !inside_delivery()) {
    std::lock_guard lifecycle(lifecycle_mutex_);  // before the gate, as who closes the gate does
    if (!gate_.is_open()) refuse_closed("recover");
    if (!started_) return recover_here(sweep);
  }
  Gate::Pass pass(gate_);
  if (!pass) refuse_closed("recover");
  std::unique_lock lock(mutex_);
  if (!fatal_.empty()) {
    throw Error(ErrorCode::conflict, "recover: cannot sweep '" + settings_.stream + "': the reader died: " + fatal_);
  }
  if (!started_ || stopping_) {
    sweep->report.cancelled = true;
    return sweep->report;
  }
  sweeps_.push_back(sweep);
  wake_intake_locked();
  lock.unlock();
  poke();
  lock.lock();
  if (inside_delivery() || is_driven()) {
    RecoveryReport requested;
    requested.requested = true;
    return requested;
  }
  sweep_cv_.wait(lock, [&] { return sweep->done() || stopping_ || !fatal_.empty(); });
  if (!sweep->done()) sweep->report.cancelled = true;
  return sweep->report;
}

// On a bus that does not consume: the calling thread sweeps and runs the handlers, and takes nothing else.
RecoveryReport Core::recover_here(const SweepPtr& sweep) {
  if (capabilities_.inspection) {
    StreamInfo info = backend_->inspection()->stream_info();
    bool there = std::any_of(info.groups.begin(), info.groups.end(),
                             [&](const StreamInfo::Group& group) { return group.name == settings_.group; });
    if (!there) return sweep->report;  // nothing can be pending, and a sweep makes no group
  }
  backend_->open(Role::consumer, config_.start_from);
  begin_consuming();
  bool wanted = !registry_.empty();
  std::unique_lock lock(mutex_);
  sweeps_.push_back(sweep);
  try {
    while (!sweep->done()) {
      prefetch_ = std::max<std::size_t>(sweep->batch, 1);
      SteadyTime time = now();
      bool scan = !sweep->scanned && lanes_.ready() == 0 && recovered_waiting_ < sweep->batch;
      lock.unlock();
      if (time >= next_renew_) {
        next_renew_ = time + renew_interval();
        renew_all();
      }
      if (scan) sweep_some(sweep, wanted, sweep->batch);
      lock.lock();
      auto due = take_due_locked(time);
      std::erase_if(due, [&](Parked& parked) {
        if (parked.sweep == sweep) return false;
        park_locked(std::move(parked));  // a retry: for the next consumer
        return true;
      });
      lock.unlock();
      if (!due.empty()) redeliver(std::move(due));
      while (run_one(caller_reader_)) {
      }
      lock.lock();
      SettlementBatch batch = take_settlements_locked();
      bool settles = !batch.items.empty();
      lock.unlock();
      bool worked = settle_now(std::move(batch)) || settles || scan || !due.empty();
      lock.lock();
      // What is left is deferred, or could not be settled: it comes back by itself.
      if (!worked) sweep_cv_.wait_for(lock, milliseconds{20}, [&] { return sweep->done() || !due_.empty(); });
    }
  } catch (const Error&) {
    if (lock.owns_lock()) lock.unlock();
    stop_now(milliseconds{0});
    throw;
  }
  RecoveryReport report = sweep->report;
  lock.unlock();
  stop_now(std::nullopt);
  return report;
}

}  // namespace eventbus::host
