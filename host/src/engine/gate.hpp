// Lets calls in until it is closed; closing can wait for those inside.
#pragma once

#include <atomic>
#include <cstdint>

namespace eventbus::host {

class Gate {
 public:
  bool enter() noexcept {
    inside_.fetch_add(1);
    if (open_.load()) return true;
    leave();
    return false;
  }

  void leave() noexcept {
    if (inside_.fetch_sub(1) == 1 && !open_.load()) inside_.notify_all();
  }

  bool is_open() const noexcept { return open_.load(); }
  void open() noexcept { open_.store(true); }
  void close() noexcept { open_.store(false); }

  // After close: returns when nobody is inside.
  void wait_until_empty() const noexcept {
    for (std::int64_t inside = inside_.load(); inside != 0; inside = inside_.load()) inside_.wait(inside);
  }

  std::int64_t inside() const noexcept { return inside_.load(); }

  // Enters for a scope; false if the gate was closed.
  class Pass {
   public:
    explicit Pass(Gate& gate) noexcept : gate_(gate.enter() ? &gate : nullptr) {}
    ~Pass() {
      if (gate_) gate_->leave();
    }
    Pass(const Pass&) = delete;
    Pass& operator=(const Pass&) = delete;
    explicit operator bool() const noexcept { return gate_ != nullptr; }

   private:
    Gate* gate_;
  };

 private:
  std::atomic<std::int64_t> inside_{0};
  std::atomic<bool> open_{false};
};

}  // namespace eventbus::host
