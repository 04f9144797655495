// A thread that runs only while somebody waits for it: its owner resumes it, and it comes back at its next interleave()
// or at the end of its work. So of all fibers of a test one runs at a time.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace eventbus::testing {

class Fiber {
 public:
  enum class State { idle, running, suspended };

  Fiber();
  ~Fiber();  // cancels

  State state() const;
  // Idle: begins `work`.
  void start(std::function<void()> work);
  // Suspended: goes on.
  void resume();
  // Suspended: unwinds what it runs. What it runs may see that as an exception of unknown type.
  void cancel();
  // Running on, because what it runs blocks: waits for it a while. False: it still runs.
  bool wait();

  // Of the calling thread: suspends it if it is a fiber that runs.
  static void suspend_current();

 private:
  struct Cancelled {};
  void run();
  void hand_over(std::unique_lock<std::mutex>& lock);
  void suspend();

  mutable std::mutex mutex_;  // guards the members below
  std::condition_variable changed_;
  State state_ = State::idle;
  std::function<void()> work_;
  bool cancelled_ = false;
  bool ended_ = false;
  std::thread thread_;
};

}  // namespace eventbus::testing
