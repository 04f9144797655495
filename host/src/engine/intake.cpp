// The consumer thread: receives, renews, claims, redelivers, and restores what was lost.
#include <algorithm>

#include "engine/core.hpp"

namespace eventbus::host {
namespace {
constexpr milliseconds claim_interval{1000};
constexpr milliseconds claim_budget{20};
constexpr milliseconds rate_window{250};
constexpr milliseconds settle_patience{5};
constexpr milliseconds first_reconnect{100};
constexpr milliseconds last_reconnect{5000};
}  // namespace

class Core::IntakeSink final : public ReceiveSink {
 public:
  IntakeSink(Core& core, const SettlementBatch& batch, SteadyTime sent_at)
      : core_(core), batch_(batch), sent_at_(sent_at) {}

  void settled(std::span<const SettleResult> results) override {
    settled_ = true;
    core_.apply_results(batch_, results);
  }
  void delivered(std::span<const DeliveryView> batch) override {
    taken_ += batch.size();
    core_.take_in(batch, sent_at_, nullptr);
  }
  bool settled_seen() const noexcept { return settled_ || batch_.items.empty(); }
  std::size_t taken() const noexcept { return taken_; }

 private:
  Core& core_;
  const SettlementBatch& batch_;
  SteadyTime sent_at_;
  bool settled_ = false;
  std::size_t taken_ = 0;
};

class Core::RedeliverSink final : public DeliverySink {
 public:
  RedeliverSink(Core& core, SteadyTime sent_at, std::unordered_map<Position, Parked>& from)
      : core_(core), sent_at_(sent_at), from_(from) {}
  void delivered(std::span<const DeliveryView> batch) override { core_.take_in(batch, sent_at_, &from_); }

 private:
  Core& core_;
  SteadyTime sent_at_;
  std::unordered_map<Position, Parked>& from_;
};

void Core::consume() {
  bool resumed = false;
  std::unique_lock lock(mutex_);
  while (!stopping_ && fatal_.empty()) {
    try {
      if (!resumed && !registry_.empty()) {
        lock.unlock();
        resume_own();
        resumed = true;
        lock.lock();
      }
      consume_once(lock);
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

void Core::consume_once(std::unique_lock<std::mutex>& lock) {
  SteadyTime time = now();
  if (time >= next_renew_) {
    next_renew_ = time + lease_ / 3;
    lock.unlock();
    renew_all();
    return;
  }
  bool wanted = !registry_.empty();
  // What is due rides on the next receive; without one in sight it goes out alone, after a moment.
  SteadyTime settle_at = std::max(settle_after_, is_inline() ? SteadyTime{} : due_since_ + settle_patience);
  bool settle_due = !due_.empty() && time >= settle_at;
  std::size_t room = wanted ? room_locked() : 0;
  if (wanted && room > 0 && time >= next_claim_) {
    std::uniform_real_distribution<double> spread(0.8, 1.0);
    next_claim_ = time + std::chrono::duration_cast<milliseconds>(claim_interval * spread(random_));
    lock.unlock();
    claim_some();
    return;
  }
  if (wanted) {
    if (auto due = take_due_locked(time); !due.empty()) {
      lock.unlock();
      redeliver(std::move(due));
      if (is_inline()) drain_inline();
      return;
    }
  }
  if (settle_due && (room == 0 || is_inline())) {
    SettlementBatch batch = take_settlements_locked();
    lock.unlock();
    settle_now(std::move(batch));
    return;
  }
  SteadyTime until = next_timer_locked();
  if (!due_.empty()) until = std::min(until, std::max(settle_at, time + milliseconds{1}));
  if (room == 0) {
    bool had_due = !due_.empty();
    intake_cv_.wait_until(lock, until, [&] {
      if (stopping_ || (!had_due && !due_.empty())) return true;
      return !registry_.empty() && (!wanted || room_locked() > 0);
    });
    return;
  }
  auto wait = std::chrono::ceil<milliseconds>(until - time);
  wait = std::clamp(wait, milliseconds{0}, config_.block);
  lock.unlock();
  receive_once(room, wait);
  if (is_inline()) drain_inline();
}

SteadyTime Core::next_timer_locked() const {
  SteadyTime next = next_renew_;
  if (!registry_.empty()) {
    next = std::min(next, next_claim_);
    if (!parked_order_.empty()) next = std::min(next, parked_order_.begin()->first);
  }
  // What cannot be acted upon at once (no room) is looked at again soon, never in a hot loop.
  return std::max(next, now() + milliseconds{1});
}

void Core::receive_once(std::size_t room, milliseconds wait) {
  SettlementBatch batch;
  {
    std::lock_guard lock(mutex_);
    if (stopping_) return;
    if (!is_inline()) batch = take_settlements_locked();
    receiving_ = wait.count() > 0;
  }
  if (!batch.items.empty()) work_cv_.notify_one();
  SteadyTime sent_at = now();
  IntakeSink sink(*this, batch, sent_at);
  try {
    backend_->receive(is_inline() ? 0 : room, wait, batch.settlements, sink);
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
}

// How many events to ask for. A consumer buffers about what it handles in a second: it begins with one a worker and
// doubles whenever the buffer ran dry while there was more to read.
std::size_t Core::room_locked() {
  SteadyTime time = now();
  if (ran_dry_ && last_read_full_ && lanes_.ready() == 0) {
    prefetch_ = std::min<std::size_t>(prefetch_ * 2, config_.max_in_flight);
    last_read_full_ = false;
  }
  if (ran_dry_) {
    rate_since_ = time;
    rate_base_ = finished_;
    ran_dry_ = false;
  } else if (time - rate_since_ >= rate_window) {
    double seconds = std::chrono::duration<double>(time - rate_since_).count();
    auto a_second = static_cast<std::size_t>(static_cast<double>(finished_ - rate_base_) / seconds);
    prefetch_ = std::min(prefetch_, std::max<std::size_t>(config_.concurrency, a_second));
    rate_since_ = time;
    rate_base_ = finished_;
  }
  std::size_t working = lanes_.ready() + busy_;
  std::size_t limit = std::min<std::size_t>(prefetch_, config_.max_in_flight);
  if (working >= limit || held_.size() >= config_.max_in_flight) return 0;
  std::size_t room = std::min<std::size_t>(limit - working, config_.max_in_flight - held_.size());
  if (parked_.size() >= config_.max_parked) return 0;
  std::size_t worthwhile = std::min<std::size_t>(config_.batch_size, limit / 2);
  if (working > 0 && room < worthwhile) return 0;  // wait for a fuller batch while there is work
  return std::min<std::size_t>(room, config_.batch_size);
}

// Copies what the backend hands out, and queues it for the workers.
void Core::take_in(std::span<const DeliveryView> batch, SteadyTime leased_at,
                   std::unordered_map<Position, Parked>* from) {
  std::lock_guard lock(mutex_);
  for (const DeliveryView& view : batch) {
    Position position = view.token.position;
    Parked origin;
    bool known = false;
    if (from) {
      if (auto at = from->find(position); at != from->end()) {
        origin = std::move(at->second);
        from->erase(at);
        known = true;
      }
    }
    if (auto at = held_.find(position); at != held_.end()) {  // held already: a fresher token of the same delivery
      at->second->token = view.token;
      at->second->leased_at = leased_at;
      continue;
    }
    if (!known) forget_parked_locked(position);
    counters_.consumed.add();
    if (origin.recovered) counters_.recovered.add();
    if (!view.only_group.empty() && view.only_group != settings_.group) {
      settle_unrun_locked(view.token, leased_at, SettleAction::ack, Account::skipped_target, {});
      continue;
    }
    if (!view.undecodable.empty()) {
      counters_.undecodable.add();
      settle_unrun_locked(view.token, leased_at, config_.enable_dlq ? SettleAction::dead_letter : SettleAction::drop,
                          config_.enable_dlq ? Account::dead_lettered : Account::dropped,
                          std::string(view.undecodable));
      continue;
    }
    auto held = std::make_shared<Held>();
    held->token = view.token;
    held->leased_at = leased_at;
    held->failures = std::move(origin.failures);
    if (view.shared) {
      held->event = view.shared;
    } else {
      auto event = std::make_shared<Event>();
      assign(*event, view.event);
      held->event = std::move(event);
    }
    held->owns_lane = !origin.lane.empty();
    if (origin.recovered && view.token.attempt > 2) {
      held->solo = true;
      ++solo_;
    }
    held_.emplace(position, held);
    lanes_.push(std::move(held));
  }
  if (config_.concurrency > 1) {
    work_cv_.notify_all();
  } else {
    work_cv_.notify_one();
  }
}

void Core::resume_own() {
  Cursor cursor{};
  do {
    std::vector<Token> tokens;
    cursor = backend_->resume(config_.batch_size, cursor, tokens);
    std::lock_guard lock(mutex_);
    for (const Token& token : tokens) {
      if (!held_.contains(token.position)) take_up_locked(token, now());
    }
    if (stopping_) return;
  } while (cursor != Cursor{});
}

// A delivery from an earlier life or of another consumer. Past its attempts it goes to the dead letters unrun.
void Core::take_up_locked(const Token& token, SteadyTime leased_at) {
  if (token.attempt < std::max(3u, config_.max_retries + 1)) {
    park_locked(Parked{token, now(), {}, {}, true});
    return;
  }
  counters_.consumed.add();
  settle_unrun_locked(
      token, leased_at, config_.enable_dlq ? SettleAction::dead_letter : SettleAction::drop,
      config_.enable_dlq ? Account::dead_lettered : Account::dropped,
      "delivered " + std::to_string(token.attempt) + " times and never settled: its consumer may die of it each time");
}

void Core::claim_some() {
  SteadyTime begin = now();
  do {
    std::size_t max;
    {
      std::lock_guard lock(mutex_);
      max = std::min<std::size_t>(config_.batch_size, config_.max_in_flight);
    }
    SteadyTime sent_at = now();
    ClaimResult result = backend_->claim(lease_, max, claim_cursor_);
    claim_cursor_ = result.next;
    std::lock_guard lock(mutex_);
    counters_.consumed.add(result.lost.size());
    counters_.lost.add(result.lost.size());
    SteadyTime time = now();
    std::erase_if(released_here_, [&](const auto& item) { return item.second <= time; });
    for (const Token& token : result.tokens) {
      if (auto at = held_.find(token.position); at != held_.end()) {
        at->second->token = token;
        at->second->leased_at = sent_at;
      } else if (auto waiting = parked_.find(token.position); waiting != parked_.end()) {
        waiting->second.token = token;
      } else if (released_here_.contains(token.position)) {
        // Given back a moment ago: it is for the others first.
        settle_unrun_locked(token, sent_at, SettleAction::release, Account::counted, {});
      } else {
        take_up_locked(token, sent_at);
      }
    }
    if (stopping_ || !result.tokens.empty()) return;
  } while (claim_cursor_ != Cursor{} && now() - begin < claim_budget);
}

// Retries that are due and recovered deliveries, as many as there is room for. What has several attempts behind it may
// be what kills its consumer: such a one runs alone, so that no neighbour is charged with it.
std::vector<Parked> Core::take_due_locked(SteadyTime time) {
  std::vector<Parked> due;
  std::size_t room = held_.size() < config_.max_in_flight ? config_.max_in_flight - held_.size() : 0;
  room = std::min<std::size_t>(room, std::max<std::size_t>(prefetch_, config_.concurrency));
  bool solo_taken = solo_ > 0;
  for (auto at = parked_order_.begin(); at != parked_order_.end() && at->first <= time && due.size() < room;) {
    auto parked = parked_.find(at->second);
    bool solo = parked->second.recovered && parked->second.token.attempt >= 2;
    if (solo && solo_taken) {
      ++at;
      continue;
    }
    solo_taken = solo_taken || solo;
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
  RedeliverSink sink(*this, now(), from);
  try {
    backend_->redeliver(tokens, true, results, sink);
  } catch (const Error&) {
    std::lock_guard lock(mutex_);
    for (auto& [position, one] : from) {
      one.due = now() + claim_interval;
      park_locked(std::move(one));
    }
    throw;
  }
  std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    auto at = from.find(tokens[i].position);
    if (at == from.end()) continue;  // delivered
    if (results[i] == HoldStatus::lost) {
      counters_.consumed.add();
      counters_.lost.add();
    }
    if (!at->second.lane.empty()) lanes_.release(at->second.lane);
  }
  work_cv_.notify_all();
}

// The lease of everything that is held, and of the consumer's name.
void Core::renew_all() {
  std::vector<Token> tokens;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [position, held] : held_) tokens.push_back(held->token);
    for (const auto& [position, parked] : parked_) tokens.push_back(parked.token);
  }
  std::vector<HoldStatus> results(tokens.size(), HoldStatus::mine);
  SteadyTime sent_at = now();
  backend_->renew(tokens, results);
  std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    auto at = held_.find(tokens[i].position);
    if (at == held_.end()) {
      auto parked = parked_.find(tokens[i].position);
      if (parked == parked_.end() || parked->second.token != tokens[i] || results[i] == HoldStatus::mine) continue;
      if (results[i] == HoldStatus::lost) {
        counters_.consumed.add();
        counters_.lost.add();
      }
      forget_parked_locked(tokens[i].position);
      continue;
    }
    HeldPtr held = at->second;
    if (held->token != tokens[i] || held->state == Held::State::settling) {
      if (results[i] == HoldStatus::mine && held->token == tokens[i]) held->leased_at = sent_at;
      continue;
    }
    if (results[i] == HoldStatus::mine) {
      held->leased_at = sent_at;
    } else if (held->state == Held::State::running) {
      held->lease_lost = true;
    } else {
      (results[i] == HoldStatus::lost ? counters_.lost : counters_.lease_lost).add();
      leave_lane_locked(*held);
      forget_locked(held);
    }
  }
}

// After a failed call: back off, then open again until it works, or the bus stops, or there is no point.
void Core::handle_trouble(const Error& cause) {
  report("receive", cause);
  link_up_ = false;
  std::unique_lock lock(mutex_);
  trouble_ = cause.what();
  if (cause.code() == ErrorCode::conflict) {
    fatal_ = cause.what();
    consuming_ = false;
    return;
  }
  milliseconds delay = first_reconnect;
  while (!stopping_) {
    std::uniform_real_distribution<double> spread(0.5, 1.0);
    auto wait = std::chrono::duration_cast<milliseconds>(delay * spread(random_));
    intake_cv_.wait_for(lock, wait, [&] { return stopping_; });
    if (stopping_) return;
    lock.unlock();
    try {
      backend_->open(Role::consumer, StartFrom::earliest());
      lock.lock();
      link_up_ = true;
      trouble_.clear();
      return;
    } catch (const Error& error) {
      lock.lock();
      trouble_ = error.what();
      if (error.code() == ErrorCode::conflict) {
        fatal_ = error.what();
        consuming_ = false;
        lock.unlock();
        report("reconnect", error);
        return;
      }
    }
    delay = std::min(delay * 2, last_reconnect);
  }
}

// Inline dispatch: whoever comes first drains, until nobody has asked for more.
void Core::drain_inline() {
  if (!consuming_ || registry_.empty()) return;
  std::uint64_t seen = drain_requests_.fetch_add(1) + 1;
  if (seen != 1) return;
  for (;;) {
    try {
      run_ready_inline();
    } catch (const Error& error) {
      report("receive", error);
    }
    if (drain_requests_.compare_exchange_strong(seen, 0)) return;
  }
}

void Core::run_ready_inline() {
  for (;;) {
    SettlementBatch batch;
    std::size_t room;
    {
      std::lock_guard lock(mutex_);
      if (stopping_) return;
      batch = take_settlements_locked();
      // What is being settled here leaves room for as many.
      std::size_t kept = held_.size() - std::min(held_.size(), batch.items.size());
      room = std::min<std::size_t>(config_.batch_size,
                                   config_.max_in_flight - std::min<std::size_t>(kept, config_.max_in_flight));
    }
    IntakeSink sink(*this, batch, now());
    try {
      backend_->receive(room, milliseconds{0}, batch.settlements, sink);
    } catch (const Error& error) {
      if (!sink.settled_seen()) apply_unknown(batch, error.what());
      throw;
    }
    bool ran = false;
    for (;;) {
      HeldPtr held;
      {
        std::lock_guard lock(mutex_);
        held = take_work_locked();
      }
      if (!held) break;
      dispatch(held, inline_reader_);
      ran = true;
    }
    if (!ran && sink.taken() == 0) return;
  }
}

}  // namespace eventbus::host
