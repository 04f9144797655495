// Running handlers.
#include <algorithm>
#include <exception>

#include "engine/core.hpp"
#include "engine/tracing.hpp"

namespace eventbus::host {
namespace {

// The deliveries that this thread is inside of, innermost first.
struct Frame {
  const void* core;
  Frame* outer;
};
thread_local Frame* innermost = nullptr;

class FrameScope {
 public:
  explicit FrameScope(const void* core) noexcept : frame_{core, innermost} { innermost = &frame_; }
  ~FrameScope() { innermost = frame_.outer; }
  FrameScope(const FrameScope&) = delete;
  FrameScope& operator=(const FrameScope&) = delete;

 private:
  Frame frame_;
};

}  // namespace

class Core::DeferredOutcome final : public detail::DeferredState {
 public:
  DeferredOutcome(std::weak_ptr<Core> core, HeldPtr held, const SubscriptionEntry& entry)
      : core_(std::move(core)), held_(std::move(held)), subscription_(entry.id()), handler_(entry.name()) {}

  bool settle(Outcome outcome) noexcept override {
    if (settled_.exchange(true)) return false;
    auto core = core_.lock();
    return core && core->settle_deferred(held_, subscription_, handler_, outcome, outcome.reason());
  }
  void drop() noexcept override {
    if (settled_.exchange(true)) return;
    if (auto core = core_.lock()) {
      core->settle_deferred(held_, subscription_, handler_, Outcome::retry(), "its deferred outcome was dropped");
    }
  }
  bool cancel() noexcept { return !settled_.exchange(true); }

 private:
  std::weak_ptr<Core> core_;
  HeldPtr held_;
  std::uint64_t subscription_;
  std::string handler_;
  std::atomic<bool> settled_{false};
};

// One call of one handler.
class Core::HandlerCall final : public detail::DeliveryState {
 public:
  HandlerCall(Core& core, const HeldPtr& held, const SubscriptionEntry& entry)
      : core_(core), held_(held), entry_(entry) {}

  std::shared_ptr<detail::DeferredState> defer() override {
    if (deferred_) {
      throw Error(ErrorCode::invalid_argument, "defer: " + entry_.name() + " deferred this delivery already");
    }
    deferred_ = std::make_shared<DeferredOutcome>(core_.weak_from_this(), held_, entry_);
    std::lock_guard lock(core_.mutex_);
    ++held_->open_outcomes;
    return deferred_;
  }

  // The handler threw. True if that is its outcome: a deferred one that was settled before counts instead.
  bool failed() {
    if (!deferred_) return true;
    if (!deferred_->cancel()) return false;
    std::lock_guard lock(core_.mutex_);
    --held_->open_outcomes;
    return true;
  }
  bool deferred() const noexcept { return deferred_ != nullptr; }

 private:
  Core& core_;
  const HeldPtr& held_;
  const SubscriptionEntry& entry_;
  std::shared_ptr<DeferredOutcome> deferred_;
};

bool Core::inside_delivery() const noexcept {
  for (const Frame* frame = innermost; frame; frame = frame->outer) {
    if (frame->core == this) return true;
  }
  return false;
}

bool Core::inside_any_delivery() noexcept { return innermost != nullptr; }

HeldPtr Core::take_work_locked() {
  if (stopping_) return nullptr;
  HeldPtr held = lanes_.take();
  if (held) {
    held->state = Held::State::running;
    held->open_outcomes = 1;
    held->started_at = now();
    ++running_;
    ++busy_;
  }
  return held;
}

void Core::work(Worker& worker) {
  std::unique_lock lock(mutex_);
  while (!stopping_ && !worker.done) {
    if (HeldPtr held = take_work_locked()) {
      worker.in_handler = true;
      lock.unlock();
      dispatch(held, worker.reader);
      poke();
      lock.lock();
      worker.in_handler = false;
      continue;
    }
    ran_dry_ = true;
    intake_cv_.notify_one();
    if (!due_.empty() && receiving_) {
      // Settlements ride on the next receive; if none comes while there is nothing else to do, they go out alone.
      auto more = [&] { return stopping_ || lanes_.ready() > 0 || due_.empty(); };
      if (work_cv_.wait_for(lock, std::chrono::microseconds(500), more)) continue;
      flush_if_blocked(lock);
      continue;
    }
    work_cv_.wait(lock, [&] { return stopping_ || lanes_.ready() > 0 || (receiving_ && !due_.empty()); });
  }
  worker.done = true;
  lock.unlock();
  drain_cv_.notify_all();
}

void Core::flush_if_blocked(std::unique_lock<std::mutex>& lock) {
  if (!receiving_) return;
  SettlementBatch batch = take_settlements_locked();
  if (batch.items.empty()) {  // not yet time to try again
    work_cv_.wait_for(lock, milliseconds{20});
    return;
  }
  lock.unlock();
  settle_now(std::move(batch));
  lock.lock();
}

void Core::dispatch(const HeldPtr& held, Registry::Reader& reader) {
  const HandlerTable::Entries& entries = reader.current(registry_).find(held->event->type);
  if (!entries.empty()) {
    run_handlers(held, entries);
    return;
  }
  std::lock_guard lock(mutex_);
  if (held->abandoned) return;
  --busy_;
  if (registry_.empty()) {
    held->verdict.add(Outcome::release(), 0, {}, {});  // the last subscription ended while it waited
    finish_one_outcome_locked(held);
  } else {
    complete_unhandled_locked(held);
  }
}

void Core::run_handlers(const HeldPtr& held, const HandlerTable::Entries& entries) {
  FrameScope frame(this);
  Verdict verdict;
  bool ran = false;
  {
    ProcessSpan process(tracer(), settings_, config_.backend, *held->event, std::max(held->token.attempt, 1u));
    const auto& only = held->failures.to_run_again;
    for (const auto& entry : entries) {
      if (!only.empty() && std::find(only.begin(), only.end(), entry->id()) == only.end()) continue;
      if (held->abandoned.load()) break;
      if (!entry->enter()) continue;
      ran = true;
      run_handler(held, *entry, process, verdict);
      entry->leave();
    }
    if (verdict.kind == Outcome::Kind::retry || verdict.kind == Outcome::Kind::dead_letter) {
      process.fail("handler", verdict.reason);
    }
  }
  std::lock_guard lock(mutex_);
  if (held->abandoned) return;
  --busy_;
  if (!ran && held->failures.to_run_again.empty()) verdict.add(Outcome::release(), 0, {}, {});  // all ended just now
  held->verdict.add(std::move(verdict));
  finish_one_outcome_locked(held);
}

void Core::run_handler(const HeldPtr& held, SubscriptionEntry& entry, const ProcessSpan& process, Verdict& verdict) {
  held->running_subscription = entry.id();
  HandlerCall call(*this, held, entry);
  Delivery delivery(held->token.position, std::max(held->token.attempt, 1u), settings_.group, settings_.consumer, call);
  std::unique_ptr<Span> span = process.active() ? process.handle(entry.name(), *held->event) : nullptr;
  auto tell = [&](const std::optional<Outcome>& outcome, std::string_view why) {
    if (watch_) watch_->ended(*held->event, delivery, entry.name(), outcome, why);
  };
  auto failed = [&](std::string_view why) {
    counters_.handler_errors.add();
    if (span) span->fail("handler", why);
    tell(Outcome::retry(), why);
    if (call.failed()) verdict.add(Outcome::retry(), entry.id(), entry.name(), why);
  };
  try {
    if (watch_) watch_->begins(*held->event, delivery, entry.name());
    Outcome outcome = entry.handler()(*held->event, delivery);
    if (call.deferred()) return tell(std::nullopt, {});
    tell(outcome, outcome.reason());
    std::string why = outcome.reason().empty() ? "the handler gave no reason" : outcome.reason();
    if (outcome.kind() == Outcome::Kind::retry || outcome.kind() == Outcome::Kind::dead_letter) {
      counters_.handler_errors.add();
      if (span) span->fail("handler", why);
    }
    verdict.add(outcome, entry.id(), entry.name(), why);
  } catch (const std::exception& error) {
    failed(error.what());
  } catch (...) {
    failed("an exception of unknown type");
  }
}

bool Core::settle_deferred(const HeldPtr& held, std::uint64_t subscription, const std::string& handler,
                           const Outcome& outcome, std::string_view why) noexcept {
  {
    std::lock_guard lock(mutex_);
    if (held->abandoned || held->state != Held::State::running) return false;
    if (outcome.kind() == Outcome::Kind::retry || outcome.kind() == Outcome::Kind::dead_letter) {
      counters_.handler_errors.add();
    }
    held->verdict.add(outcome, subscription, handler, why);
    finish_one_outcome_locked(held);
    wake_intake_locked();
  }
  sweep_cv_.notify_all();
  poke();
  return true;
}

}  // namespace eventbus::host
