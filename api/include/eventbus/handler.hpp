// What a handler is, what it is told about a delivery, and what it may answer.
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <eventbus/event.hpp>

namespace eventbus {

// A handler's answer. When several handlers get one event, dead_letter beats a failed attempt or retry, which beats
// release, which beats ack.
class Outcome {
 public:
  enum class Kind { ack, retry, dead_letter, release };

  Outcome() = default;  // ack

  // Handled: the event is not delivered to this group again.
  static Outcome ack() { return {}; }

  // Not now: deliver again after the configured backoff, or after `after`. Uses up an attempt.
  static Outcome retry() { return Outcome(Kind::retry); }
  static Outcome retry(std::chrono::milliseconds after) {
    Outcome outcome(Kind::retry);
    outcome.after_ = after;
    return outcome;
  }

  // Never: to the dead letters at once, with the reason.
  static Outcome dead_letter(std::string reason) {
    Outcome outcome(Kind::dead_letter);
    outcome.reason_ = std::move(reason);
    return outcome;
  }

  // Not here: give it back to the group with no attempt used. This consumer is not offered it again within
  // `retry.initial_ms`.
  static Outcome release() { return Outcome(Kind::release); }

  Kind kind() const noexcept { return kind_; }
  std::optional<std::chrono::milliseconds> after() const noexcept { return after_; }
  const std::string& reason() const noexcept { return reason_; }

 private:
  explicit Outcome(Kind kind) : kind_(kind) {}

  Kind kind_ = Kind::ack;
  std::optional<std::chrono::milliseconds> after_;
  std::string reason_;
};

namespace detail {
class DeferredState {
 public:
  virtual ~DeferredState() = default;
  virtual bool settle(Outcome outcome) noexcept = 0;
  virtual void drop() noexcept = 0;
};
class DeliveryState {
 public:
  virtual std::shared_ptr<DeferredState> defer() = 0;

 protected:
  ~DeliveryState() = default;
};
}  // namespace detail

// The promise of an outcome that comes later, from any thread. Dropped unsettled it is a failed attempt.
// Threads: one at a time. Lifetime: may outlive the bus; settling then has no effect.
class Deferred {
 public:
  Deferred() = default;
  explicit Deferred(std::shared_ptr<detail::DeferredState> state) noexcept : state_(std::move(state)) {}
  Deferred(Deferred&&) noexcept = default;
  Deferred& operator=(Deferred&& other) noexcept {
    if (this != &other) {
      drop();
      state_ = std::move(other.state_);
    }
    return *this;
  }
  Deferred(const Deferred&) = delete;
  Deferred& operator=(const Deferred&) = delete;
  ~Deferred() { drop(); }

  // True the first time; false, and harmless, once it was settled or its delivery is no longer this bus's to settle.
  bool settle(Outcome outcome) noexcept {
    auto state = std::exchange(state_, nullptr);
    return state && state->settle(std::move(outcome));
  }

  explicit operator bool() const noexcept { return state_ != nullptr; }

 private:
  void drop() noexcept {
    if (auto state = std::exchange(state_, nullptr)) state->drop();
  }

  std::shared_ptr<detail::DeferredState> state_;
};

// What a handler is told beside the event. Lives for the call of the handler.
class Delivery {
 public:
  Delivery(Position position, std::uint32_t attempt, std::string_view group, std::string_view consumer,
           detail::DeliveryState& state) noexcept
      : position_(position), attempt_(attempt), group_(group), consumer_(consumer), state_(&state) {}
  Delivery(const Delivery&) = delete;
  Delivery& operator=(const Delivery&) = delete;

  Position position() const noexcept { return position_; }
  std::uint32_t attempt() const noexcept { return attempt_; }  // 1 the first time
  bool redelivered() const noexcept { return attempt_ > 1; }
  std::string_view group() const noexcept { return group_; }
  std::string_view consumer() const noexcept { return consumer_; }

  // Takes the outcome out of the handler's return: what it returns is then ignored, and if it throws, that counts as
  // the outcome and the Deferred is refused. Throws Error (invalid_argument) at a second call in one handler.
  [[nodiscard]] Deferred defer() const { return Deferred(state_->defer()); }

 private:
  Position position_;
  std::uint32_t attempt_;
  std::string_view group_;
  std::string_view consumer_;
  detail::DeliveryState* state_;
};

namespace detail {
template <class F>
concept EventHandler = std::invocable<F&, const Event&, const Delivery&> || std::invocable<F&, const Event&>;

template <class F>
decltype(auto) invoke_handler(F& function, const Event& event, const Delivery& delivery) {
  if constexpr (std::invocable<F&, const Event&, const Delivery&>) {
    return std::invoke(function, event, delivery);
  } else {
    return std::invoke(function, event);
  }
}
}  // namespace detail

// A callable `(const Event&)` or `(const Event&, const Delivery&)` that returns nothing (acknowledge) or an Outcome. A
// throw is a failed attempt. The name, if given, appears in logs, errors and dead letters.
// Threads: with `concurrency` above 1 a handler is called from several threads at once, for different aggregates.
class Handler {
 public:
  using Function = std::function<Outcome(const Event&, const Delivery&)>;

  Handler() = default;

  template <class F>
  requires(!std::same_as<std::remove_cvref_t<F>, Handler> && detail::EventHandler<std::decay_t<F>>)
      Handler(F&& function)  // NOLINT(google-explicit-constructor)
      : Handler(std::string(), std::forward<F>(function)) {}

  template <class F>
  requires detail::EventHandler<std::decay_t<F>> Handler(std::string name, F&& function) : name_(std::move(name)) {
    using Callable = std::decay_t<F>;
    if constexpr (!std::is_function_v<std::remove_reference_t<F>> &&
                  requires(const Callable& callable) { callable == nullptr; }) {
      if (function == nullptr) return;
    }
    using Result = decltype(detail::invoke_handler(std::declval<Callable&>(), std::declval<const Event&>(),
                                                   std::declval<const Delivery&>()));
    static_assert(std::is_void_v<Result> || std::convertible_to<Result, Outcome>,
                  "a handler returns nothing or an eventbus::Outcome");
    function_ = [callable = Callable(std::forward<F>(function))](const Event& event,
                                                                 const Delivery& delivery) mutable -> Outcome {
      if constexpr (std::is_void_v<Result>) {
        detail::invoke_handler(callable, event, delivery);
        return Outcome::ack();
      } else {
        return detail::invoke_handler(callable, event, delivery);
      }
    };
  }

  explicit operator bool() const noexcept { return static_cast<bool>(function_); }
  const std::string& name() const noexcept { return name_; }
  Outcome operator()(const Event& event, const Delivery& delivery) const { return function_(event, delivery); }

 private:
  std::string name_;
  Function function_;
};

// An object that names the types it wants, e.g. a projection. See EventBus::subscribe_all.
class Subscriber {
 public:
  virtual ~Subscriber() = default;
  virtual std::vector<std::string> event_types() const = 0;  // not empty; read once, when subscribing
  virtual Outcome handle(const Event& event, const Delivery& delivery) = 0;
  virtual std::string name() const { return {}; }
};

}  // namespace eventbus
