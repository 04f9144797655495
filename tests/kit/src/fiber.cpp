#include "fiber.hpp"

#include <chrono>
#include <exception>
#include <utility>

#include <eventbus/testing/scheduler.hpp>

namespace eventbus::testing {
namespace {

thread_local Fiber* current = nullptr;

// Real time: whoever takes longer waits for another fiber, so the others go on meanwhile.
constexpr std::chrono::seconds patience{5};

}  // namespace

Fiber::Fiber() : thread_([this] { run(); }) {}

Fiber::~Fiber() {
  cancel();
  {
    std::lock_guard lock(mutex_);
    ended_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

Fiber::State Fiber::state() const {
  std::lock_guard lock(mutex_);
  return state_;
}

void Fiber::start(std::function<void()> work) {
  std::unique_lock lock(mutex_);
  work_ = std::move(work);
  hand_over(lock);
}

void Fiber::resume() {
  std::unique_lock lock(mutex_);
  hand_over(lock);
}

void Fiber::cancel() {
  std::unique_lock lock(mutex_);
  if (state_ == State::idle) return;
  cancelled_ = true;
  while (state_ == State::suspended) hand_over(lock);
}

bool Fiber::wait() {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, patience, [&] { return state_ != State::running; });
}

void Fiber::hand_over(std::unique_lock<std::mutex>& lock) {
  state_ = State::running;
  changed_.notify_all();
  changed_.wait_for(lock, patience, [&] { return state_ != State::running; });
}

void Fiber::suspend_current() {
  if (current) current->suspend();
}

void Fiber::suspend() {
  if (std::uncaught_exceptions() > 0) return;  // in a destructor: nothing may be thrown here
  std::unique_lock lock(mutex_);
  if (!cancelled_) {
    state_ = State::suspended;
    changed_.notify_all();
    changed_.wait(lock, [&] { return state_ == State::running; });
  }
  if (cancelled_) throw Cancelled{};
}

void Fiber::run() {
  current = this;
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return ended_ || work_; });
    if (!work_) return;
    lock.unlock();
    try {
      work_();
    } catch (const Cancelled&) {
    }
    lock.lock();
    work_ = nullptr;
    cancelled_ = false;
    state_ = State::idle;
    changed_.notify_all();
  }
}

void interleave() { Fiber::suspend_current(); }

}  // namespace eventbus::testing
