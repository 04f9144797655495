// The token of a subscription.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

namespace eventbus {

namespace detail {
class SubscriptionOwner {
 public:
  virtual void end_subscription(std::uint64_t id) noexcept = 0;

 protected:
  ~SubscriptionOwner() = default;
};
}  // namespace detail

// Ends its subscription when destroyed or reset; keep it as long as events are wanted.
// Threads: one at a time a token. Lifetime: may outlive the bus; ending is then harmless, as is ending twice.
class [[nodiscard]] Subscription {
 public:
  Subscription() = default;
  Subscription(std::weak_ptr<detail::SubscriptionOwner> owner, std::uint64_t id) noexcept
      : owner_(std::move(owner)), id_(id) {}
  Subscription(Subscription&& other) noexcept : owner_(std::move(other.owner_)), id_(std::exchange(other.id_, 0)) {}
  Subscription& operator=(Subscription&& other) noexcept {
    if (this != &other) {
      reset();
      owner_ = std::move(other.owner_);
      id_ = std::exchange(other.id_, 0);
    }
    return *this;
  }
  Subscription(const Subscription&) = delete;
  Subscription& operator=(const Subscription&) = delete;
  ~Subscription() { reset(); }

  // Ends it. Waits until its running handler calls return, except when called from inside a delivery of the same bus.
  void reset() noexcept {
    if (std::uint64_t id = std::exchange(id_, 0)) {
      if (auto owner = std::exchange(owner_, {}).lock()) owner->end_subscription(id);
    }
  }

  // Gives up the token: the subscription lives as long as the bus.
  void detach() noexcept {
    id_ = 0;
    owner_.reset();
  }

  explicit operator bool() const noexcept { return id_ != 0; }

 private:
  std::weak_ptr<detail::SubscriptionOwner> owner_;
  std::uint64_t id_ = 0;
};

}  // namespace eventbus
