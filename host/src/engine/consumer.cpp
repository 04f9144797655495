// The consumer thread: one thing a turn, the most urgent first; then it waits for events or for work.
#include <algorithm>

#include "engine/intake_sink.hpp"

namespace eventbus::host {
namespace {
constexpr milliseconds settle_patience{5};
constexpr milliseconds first_reconnect{100};
constexpr milliseconds last_reconnect{5000};
constexpr milliseconds claim_interval{1000};
}  // namespace

void Core::consume() {
  std::unique_lock lock(mutex_);
  while (!stopping_ && fatal_.empty()) {
    try {
      turn(lock, true);
    } catch (const Error& error) {
      if (lock.owns_lock()) lock.unlock();
      handle_trouble(error);
    } catch (const std::exception& error) {
      if (lock.owns_lock()) lock.unlock();
      handle_trouble(Error(ErrorCode::internal, std::string("engine: cannot consume: ") + error.what()));
    }
    if (!lock.owns_lock()) lock.lock();
  }
}

// With the lock held; it may come back without it. False: there was nothing to do.
bool Core::turn(std::unique_lock<std::mutex>& lock, bool may_wait) {
  SteadyTime time = now();
  bool wanted = !registry_.empty();
  poked_ = false;
  if (time >= next_renew_) {
    next_renew_ = time + renew_interval();
    look_for_hung_locked(time);
    lock.unlock();
    renew_all();
    return true;
  }
  if (wanted && !resumed_) {
    resumed_ = true;
    lock.unlock();
    try {
      resume_own();
    } catch (...) {
      lock.lock();
      resumed_ = false;
      throw;
    }
    return true;
  }
  if (wanted && time >= next_sweep_) {
    next_sweep_ = time + jittered_locked(config_.recovery_interval, 0.8);
    if (sweeps_.empty()) {
      sweeps_.push_back(std::make_shared<Sweep>(Sweep{lease_, config_.batch_size, config_.max_retries}));
    }
  }
  std::size_t room = wanted ? room_locked() : 0;
  if (do_what_is_due(lock, time, wanted, room)) return true;

  // What is to be settled rides on the next receive; without one in sight it goes out alone, after a moment.
  SteadyTime settle_at = may_wait ? settle_at_locked() : time;
  bool settles = !due_.empty();
  if (settles && time >= settle_at && (room == 0 || is_inline())) {
    SettlementBatch batch = take_settlements_locked();
    lock.unlock();
    return settle_now(std::move(batch));
  }
  SteadyTime until = next_timer_locked(wanted, room);
  if (settles) until = std::min(until, std::max(settle_at, time + milliseconds{1}));
  if (room == 0) {
    if (may_wait) wait_for_work(lock, until, wanted);
    return false;
  }
  milliseconds wait{0};
  if (may_wait) wait = std::clamp(std::chrono::ceil<milliseconds>(until - time), milliseconds{0}, config_.block);
  lock.unlock();
  if (is_inline()) {
    watch_inline(wait);
    return true;
  }
  return receive_once(room, wait);
}

// Claims, sweeps, retries, and events that were let go. True if there was one; the lock is then gone.
bool Core::do_what_is_due(std::unique_lock<std::mutex>& lock, SteadyTime time, bool wanted, std::size_t room) {
  // In turn with receiving, so that a long list of what is pending holds up nothing new.
  bool recovers = !std::exchange(recovered_last_turn_, false);
  if (recovers && !sweeps_.empty() && (room > 0 || !wanted)) {
    recovered_last_turn_ = wanted;
    SweepPtr sweep = sweeps_.front();
    lock.unlock();
    sweep_some(sweep, wanted, room);
    return true;
  }
  if (recovers && room > 0 && time >= next_claim_) {
    recovered_last_turn_ = true;
    next_claim_ = time + jittered_locked(claim_interval, 0.8);
    lock.unlock();
    bool found = claim_some(room);
    lock.lock();
    if (found) next_claim_ = time;  // there may be more
    lock.unlock();
    return true;
  }
  if (!wanted) return false;
  if (auto due = take_due_locked(time); !due.empty()) {
    lock.unlock();
    redeliver(std::move(due));
    return true;
  }
  if (lanes_.wants_fetch()) {
    std::vector<HeldPtr> let_go = lanes_.take_to_fetch(config_.batch_size);
    if (let_go.empty()) return false;
    lock.unlock();
    fetch(let_go);
    return true;
  }
  return false;
}

// At once where nothing runs or is about to: what is to be settled may be all that takes the room.
SteadyTime Core::settle_at_locked() const {
  bool idle = busy_ == 0 && lanes_.ready() == 0;
  return is_inline() || idle ? SteadyTime{} : due_since_ + settle_patience;
}

void Core::wait_for_work(std::unique_lock<std::mutex>& lock, SteadyTime until, bool wanted) {
  bool had_due = !due_.empty();
  intake_cv_.wait_until(lock, until, [&] {
    if (stopping_ || poked_ || (!had_due && !due_.empty())) return true;
    return !registry_.empty() && (!wanted || room_locked() > 0);
  });
}

milliseconds Core::renew_interval() const noexcept {
  milliseconds interval = lease_ / 3;
  if (config_.max_handling.count() > 0)
    interval = std::min(interval, std::max(config_.max_handling / 2, milliseconds{50}));
  return interval;
}

// What can't be acted upon for want of room is woken up to by what makes the room.
SteadyTime Core::next_timer_locked(bool wanted, std::size_t room) const {
  SteadyTime next = next_renew_;
  if (!settle_again_.empty()) next = std::min(next, settle_again_.begin()->first);
  if (wanted) {
    next = std::min(next, next_sweep_);
    if (room > 0) next = sweeps_.empty() ? std::min(next, next_claim_) : SteadyTime{};
    if (!parked_order_.empty() && events_held_locked() < config_.max_in_flight) {
      // One that is due and waits for its turn to run alone is no timer.
      auto at = parked_order_.lower_bound({now(), Position::first()});
      if (at != parked_order_.end()) next = std::min(next, at->first);
    }
  }
  return std::max(next, now() + milliseconds{1});
}

bool Core::receive_once(std::size_t room, milliseconds wait) {
  SettlementBatch batch;
  {
    std::lock_guard lock(mutex_);
    if (stopping_) return false;
    batch = take_settlements_locked();
    receiving_ = wait.count() > 0;
  }
  if (!batch.items.empty()) work_cv_.notify_one();
  SteadyTime sent_at = now();
  IntakeSink sink(*this, batch, sent_at);
  try {
    backend_->receive(room, wait, batch.settlements, sink);
  } catch (const Error& error) {
    {
      std::lock_guard lock(mutex_);
      receiving_ = false;
    }
    if (!sink.settled_seen()) apply_unknown(batch, error.what());
    throw;
  }
  std::lock_guard lock(mutex_);
  receiving_ = false;
  last_read_ = now();
  last_read_full_ = sink.taken() >= room;
  link_up_ = true;
  trouble_backoff_ = milliseconds{0};
  return sink.taken() > 0 || !batch.items.empty();
}

// After a failed call: back off, then open again until it works, or the bus stops, or there is no point.
void Core::handle_trouble(const Error& cause) {
  report("receive", cause);
  link_up_ = false;
  std::unique_lock lock(mutex_);
  trouble_ = cause.what();
  auto give_up = [&](const Error& error) {
    fatal_ = error.what();
    consuming_ = false;
  };
  if (cause.code() == ErrorCode::conflict) return give_up(cause);
  while (!stopping_) {
    // Grows until a read has worked: a server that takes the connection and refuses the read is no better.
    trouble_backoff_ = std::clamp(trouble_backoff_ * 2, first_reconnect, last_reconnect);
    intake_cv_.wait_for(lock, jittered_locked(trouble_backoff_, 0.5), [&] { return stopping_; });
    if (stopping_) return;
    lock.unlock();
    try {
      reopen();
      lock.lock();
      link_up_ = true;
      last_incident_ = trouble_;
      trouble_.clear();
      return;
    } catch (const Error& error) {
      lock.lock();
      trouble_ = error.what();
      if (error.code() != ErrorCode::conflict) continue;
      give_up(error);
      lock.unlock();
      report("reconnect", error);
      return;
    }
  }
}

// Beside no receive, resume or claim: with inline dispatch a publisher may be in one.
void Core::reopen() {
  std::lock_guard intake(intake_mutex_);
  backend_->open(Role::consumer, StartFrom::earliest());
}

bool Core::take_in_driven() {
  std::unique_lock lock(mutex_);
  if (!started_ || stopping_ || !fatal_.empty()) return false;
  try {
    return turn(lock, false);
  } catch (const Error& error) {
    if (lock.owns_lock()) lock.unlock();
    report("receive", error);
    if (error.code() == ErrorCode::conflict) {
      lock.lock();
      fatal_ = error.what();
      consuming_ = false;
      return true;
    }
    if (error.code() == ErrorCode::unavailable || error.code() == ErrorCode::timed_out) {
      try {
        reopen();
      } catch (const Error& again) {
        report("reconnect", again);
      }
    }
    return true;
  }
}

}  // namespace eventbus::host
