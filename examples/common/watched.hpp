// How the examples wait for handlers, and tell whether what they promise holds.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <utility>

namespace shop {

// A value that handlers change and the main thread waits on.
template <class T>
class Watched {
 public:
  template <class Change>
  void change(Change change) {
    std::lock_guard lock(mutex_);
    change(value_);
    changed_.notify_all();
  }

  // Until it holds, or false after half a minute.
  template <class Condition>
  bool wait(Condition holds) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(30), [&] { return holds(std::as_const(value_)); });
  }

  T get() {
    std::lock_guard lock(mutex_);
    return value_;
  }

 private:
  std::mutex mutex_;  // guards value_
  std::condition_variable changed_;
  T value_{};
};

// The outcome: each promise with whether it held.
class Outcomes {
 public:
  void check(bool holds, const char* promise) {
    std::printf("  %s %s\n", holds ? "[ok]  " : "[FAIL]", promise);
    all_hold_ = all_hold_ && holds;
  }
  int exit_code() const { return all_hold_ ? 0 : 1; }

 private:
  bool all_hold_ = true;
};

}  // namespace shop
