// Upkeep of the stream as `trim` says, on a thread of its own: consumers and publishers alike need it.
#include "engine/core.hpp"

namespace eventbus::host {
namespace {
constexpr milliseconds trim_interval{1000};
}

void Core::run_trimming() {
  std::unique_lock lock(trim_mutex_);
  while (!trim_stop_) {
    trim_cv_.wait_for(lock, trim_interval, [&] { return trim_stop_; });
    if (trim_stop_) return;
    lock.unlock();
    trim_once();
    lock.lock();
  }
}

void Core::trim_once() noexcept {
  try {
    TrimReport done =
        backend_->retention()->trim({config_.trim.max_length, config_.trim.max_age, config_.trim.hard_max_length});
    counters_.trimmed.add(done.trimmed);
    counters_.trim_lost.add(done.lost);
    if (done.lost == 0) return;
    log(LogLevel::warn, "trim: " + std::to_string(done.lost) +
                            " events that a group still needed are gone: hard_max_length is reached");
  } catch (const Error& error) {
    report("trim", error);
  }
}

void Core::stop_trimming() noexcept {
  {
    std::lock_guard lock(trim_mutex_);
    trim_stop_ = true;
  }
  trim_cv_.notify_all();
  if (trim_thread_.joinable()) trim_thread_.join();
  trim_stop_ = false;
}

}  // namespace eventbus::host
