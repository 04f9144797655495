// What the tests of typed events share.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include <eventbus/event_bus.hpp>

namespace eventbus::typed_test {

inline constexpr std::chrono::seconds deadline{20};

// Handlers change what it guards; the test waits for it. Declare it before the bus.
class Watch {
 public:
  template <class Change>
  void change(Change&& change) {
    std::lock_guard lock(mutex_);
    change();
    changed_.notify_all();
  }
  template <class Condition>
  bool wait(Condition&& condition) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, deadline, condition);
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
};

template <class Call>
std::optional<Error> error_of(Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    return error;
  }
  return std::nullopt;
}

inline std::string text_of(const std::optional<Error>& error) { return error ? error->what() : "no error"; }

}  // namespace eventbus::typed_test
