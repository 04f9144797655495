// Inline dispatch: whoever comes first drains, until nobody has asked for more. A publisher who comes while another one
// drains leaves it to that one; while the worker drains it waits, since its handlers have run when publish returns.
// Receiving and the insertion into the lanes happen under one lock; handlers run outside it.
#include <algorithm>

#include "engine/intake_sink.hpp"

namespace eventbus::host {
// The consumer thread's: waits for events of other buses, and has the worker drain.
void Core::watch_inline(milliseconds wait) {
  if (drain_requests_.load() == 0) {
    SettlementBatch none;
    IntakeSink sink(*this, none, now());
    {
      std::lock_guard lock(mutex_);
      if (stopping_) return;
      receiving_ = wait.count() > 0;
    }
    try {
      backend_->receive(0, wait, {}, sink);
    } catch (const Error&) {
      std::lock_guard lock(mutex_);
      receiving_ = false;
      throw;
    }
  }
  std::unique_lock lock(mutex_);
  receiving_ = false;
  trouble_backoff_ = milliseconds{0};
  last_read_ = now();
  link_up_ = true;
  drain_wanted_ = true;
  drain_awaited_ = true;
  work_cv_.notify_all();
  // Not before the drain is over: what it has not taken yet would end the next wait at once.
  intake_cv_.wait_for(lock, std::max(wait, milliseconds{1}),
                      [&] { return stopping_ || poked_ || (!drain_wanted_ && drain_requests_.load() == 0); });
  drain_awaited_ = false;
}

void Core::work_inline(Worker& worker) {
  std::unique_lock lock(mutex_);
  while (!stopping_ && !worker.done) {
    work_cv_.wait(lock, [&] { return stopping_ || worker.done || drain_wanted_ || lanes_.ready() > 0; });
    if (stopping_ || worker.done) break;
    worker.in_handler = true;
    bool elsewhere = drain_requests_.load() != 0;
    drain_wanted_ = false;
    lock.unlock();
    drain_inline(Drainer::worker);
    lock.lock();
    worker.in_handler = false;
    // Whoever drains takes what is ready; looking again at once would only spin.
    if (elsewhere) work_cv_.wait_for(lock, milliseconds{5}, [&] { return stopping_; });
  }
  worker.done = true;
  lock.unlock();
  drain_cv_.notify_all();
}

void Core::drain_inline(Drainer who) {
  if (!consuming_ || registry_.empty()) return;
  const std::uint64_t first = who == Drainer::worker ? worker_drains | 1 : 1;
  std::uint64_t before = drain_requests_.load();
  while (!drain_requests_.compare_exchange_weak(before, before == 0 ? first : before + 1)) {
  }
  if (before != 0) {
    if (who == Drainer::publisher && (before & worker_drains) != 0) wait_for_worker();
    return;
  }
  std::uint64_t seen = first;
  for (bool over = false; !over;) {
    if (who == Drainer::worker) note_pass(worker_passes_begun_);
    try {
      run_ready_inline();
    } catch (const Error& error) {
      report("receive", error);
    }
    over = drain_requests_.compare_exchange_strong(seen, 0);
    if (who == Drainer::worker) note_pass(worker_passes_ended_);
  }
  if (who == Drainer::worker) {
    std::lock_guard lock(mutex_);
    drain_abandoned_ = false;
  }
  poke();
  if (!drain_awaited_.load()) return;
  {
    std::lock_guard lock(mutex_);  // orders this after the consumer thread's look
  }
  intake_cv_.notify_one();
}

void Core::note_pass(std::uint64_t& passes) {
  {
    std::lock_guard lock(mutex_);
    ++passes;
  }
  worker_cv_.notify_all();
}

// What this thread published is the worker's to handle: until a pass that began after it is over, or the bus stops. Not
// from inside a delivery, which the worker may be waiting for.
void Core::wait_for_worker() {
  if (inside_any_delivery()) return;
  std::unique_lock lock(mutex_);
  const std::uint64_t next_pass = worker_passes_begun_ + 1;
  worker_cv_.wait(lock, [&] {
    return stopping_ || drain_abandoned_ || (drain_requests_.load() & worker_drains) == 0 || worker_passes_ended_ >= next_pass;
  });
}

void Core::run_ready_inline() {
  for (;;) {
    SettlementBatch batch;
    std::size_t taken = 0;
    {
      std::lock_guard intake(intake_mutex_);
      std::size_t room;
      {
        std::lock_guard lock(mutex_);
        if (stopping_) return;
        batch = take_settlements_locked();
        // What is being settled here leaves room for as many.
        std::size_t kept = events_held_locked();
        kept -= std::min(kept, batch.items.size());
        room = config_.max_in_flight - std::min<std::size_t>(kept, config_.max_in_flight);
        room = std::min<std::size_t>(config_.batch_size, room);
        if (parked_.size() + lanes_.tokens() >= config_.max_parked) room = 0;
      }
      IntakeSink sink(*this, batch, now());
      try {
        backend_->receive(room, milliseconds{0}, batch.settlements, sink);
      } catch (const Error& error) {
        if (!sink.settled_seen()) apply_unknown(batch, error.what());
        throw;
      }
      taken = sink.taken();
    }
    bool ran = false;
    for (;;) {
      HeldPtr held;
      {
        std::lock_guard lock(mutex_);
        held = take_work_locked();
      }
      if (!held) break;
      dispatch(held, caller_reader_);
      ran = true;
    }
    if (!ran && taken == 0) return;
  }
}

}  // namespace eventbus::host
