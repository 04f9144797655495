// Events as structs, over nlohmann_json.
//
//   struct OrderCreated { std::string customer_id; double total_amount = 0; };
//   EVENTBUS_EVENT(OrderCreated, customer_id, total_amount)
//
//   publish(*bus, OrderCreated{"c-1", 99.99}, {.aggregate_id = "order-7"});
//   auto subscription = bus->subscribe<OrderCreated>([](const OrderCreated& order) { ... });
//
// In memory a handler gets the published object itself, and nothing is encoded. Elsewhere the event is encoded once,
// when the backend needs bytes, and decoded once, however many handlers take it.
// An event that does not fit its type goes to the dead letters at once, with the name of the field.
#pragma once

#include <concepts>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

#include <eventbus/event_bus.hpp>
#include <eventbus/event_type.hpp>
#include <eventbus/metadata.hpp>
#include <eventbus/registry.hpp>

namespace eventbus {

// What an event has beside its type and payload; see Event.
struct PublishOptions {
  std::string id{};
  std::string aggregate_id{};
  std::string aggregate_type{};
  std::int64_t aggregate_version = 0;
  Timestamp occurred_at{};
  Headers headers{};  // e.g. caused_by(event)
};

namespace detail {

template <EventType T>
class TypedPayload final : public PayloadObject {
 public:
  explicit TypedPayload(T value) : value_(std::move(value)) {}

  const void* get(const std::type_info& type) const noexcept override { return type == typeid(T) ? &value_ : nullptr; }
  std::string_view bytes() const override {
    std::call_once(encoded_, [&] { bytes_ = encode(); });
    return bytes_;
  }

 private:
  std::string encode() const {
    try {
      return write(value_, Place{}).dump();
    } catch (const std::exception& error) {
      throw Error(ErrorCode::invalid_argument,
                  "typed: cannot encode event '" + std::string(event_name<T>()) + "': " + error.what());
    }
  }

  const T value_;
  mutable std::once_flag encoded_;
  mutable std::string bytes_;
};

template <class F, class T>
concept TypedCallable =
    std::invocable<F&, const T&, const Event&, const Delivery&> || std::invocable<F&, const T&, const Event&> ||
    std::invocable<F&, const T&, const Delivery&> || std::invocable<F&, const T&>;

template <class T, TypedCallable<T> F>
Outcome call_typed(F& function, const T& value, const Event& event, const Delivery& delivery) {
  auto call = [&]() -> decltype(auto) {
    if constexpr (std::invocable<F&, const T&, const Event&, const Delivery&>) {
      return std::invoke(function, value, event, delivery);
    } else if constexpr (std::invocable<F&, const T&, const Event&>) {
      return std::invoke(function, value, event);
    } else if constexpr (std::invocable<F&, const T&, const Delivery&>) {
      return std::invoke(function, value, delivery);
    } else {
      return std::invoke(function, value);
    }
  };
  using Result = decltype(call());
  static_assert(std::is_void_v<Result> || std::convertible_to<Result, Outcome>,
                "a handler returns nothing or an eventbus::Outcome");
  if constexpr (std::is_void_v<Result>) {
    call();
    return Outcome::ack();
  } else {
    return call();
  }
}

// What does not fit now will not fit later either: no attempt is wasted on it.
template <EventType T, TypedCallable<T> F>
Outcome handle_typed(F& function, const EventRegistry& registry, const Event& event, const Delivery& delivery) {
  std::shared_ptr<const T> value;
  try {
    value = registry.decode<T>(event);
  } catch (const Error& error) {
    return Outcome::dead_letter(error.what());
  }
  return call_typed(function, *value, event, delivery);
}

template <class S>
struct HandleOf {
  S& subscriber;
  template <class... Arguments>
  auto operator()(const Arguments&... arguments) const -> decltype(subscriber.handle(arguments...)) {
    return subscriber.handle(arguments...);
  }
};

}  // namespace detail

// The event of a value, to publish in a list, in the background, or later.
template <EventType T>
Event make_event(T value, PublishOptions options = {}) {
  Event event;
  event.id = std::move(options.id);
  event.type = event_name<T>();
  event.aggregate_id = std::move(options.aggregate_id);
  event.aggregate_type = std::move(options.aggregate_type);
  event.aggregate_version = options.aggregate_version;
  event.occurred_at = options.occurred_at;
  event.headers = std::move(options.headers);
  if (event_version<T>() != 1) event.headers.set(header::event_version, std::to_string(event_version<T>()));
  event.payload = Payload(std::make_shared<const detail::TypedPayload<T>>(std::move(value)));
  return event;
}

// As EventBus::publish. Throws `invalid_argument` too where the backend needs bytes and the value can't be encoded: a
// number that is not finite, text that is not UTF-8.
template <EventType T>
Position publish(EventBus& bus, T value, PublishOptions options = {}) {
  return bus.publish(make_event(std::move(value), std::move(options)));
}
template <EventType T>
void publish_background(EventBus& bus, T value, PublishOptions options = {}) {
  bus.publish_background(make_event(std::move(value), std::move(options)));
}

// The event's object; throws Error (invalid_argument) that names the field if it does not fit.
template <EventType T>
std::shared_ptr<const T> decode(const Event& event, const EventRegistry& registry = EventRegistry::process()) {
  return registry.decode<T>(event);
}

// A handler for EventBus::subscribe out of one that takes (const T&), (const T&, const Event&), (const T&, const
// Delivery&) or all three, and returns nothing or an Outcome.
template <EventType T, class F>
Handler typed_handler(std::string name, F&& function, const EventRegistry& registry = EventRegistry::process()) {
  using Callable = std::decay_t<F>;
  static_assert(detail::TypedCallable<Callable, T>,
                "a handler of T takes (const T&), (const T&, const eventbus::Event&), (const T&, const "
                "eventbus::Delivery&) or (const T&, const eventbus::Event&, const eventbus::Delivery&)");
  if constexpr (!std::is_function_v<std::remove_reference_t<F>> &&
                requires(const Callable& callable) { callable == nullptr; }) {
    if (function == nullptr) return {};
  }
  return Handler(std::move(name), [callable = Callable(std::forward<F>(function)), &registry](
                                      const Event& event, const Delivery& delivery) mutable {
    return detail::handle_typed<T>(callable, registry, event, delivery);
  });
}

template <class T, class F>
Subscription EventBus::subscribe(std::string name, F&& handler, const EventRegistry& registry) {
  static_assert(EventType<T>, "T is no event: put EVENTBUS_EVENT(T, fields...) behind it, in its namespace");
  return subscribe(std::string(event_name<T>()), typed_handler<T>(std::move(name), std::forward<F>(handler), registry));
}
template <class T, class F>
Subscription EventBus::subscribe(std::string name, F&& handler) {
  return subscribe<T>(std::move(name), std::forward<F>(handler), EventRegistry::process());
}
// Takes a Handler too, e.g. one that once() made.
template <class T, class F>
Subscription EventBus::subscribe(F&& handler) {
  if constexpr (std::same_as<std::remove_cvref_t<F>, Handler>) {
    return subscribe(std::string(event_name<T>()), Handler(std::forward<F>(handler)));
  } else {
    return subscribe<T>(std::string(), std::forward<F>(handler), EventRegistry::process());
  }
}

// A handler of several types: calls `subscriber.handle(const T&)` of each, or with Event, Delivery, as typed_handler.
// The subscriber outlives the subscription.
template <EventType... Types, class S>
Handler subscriber_handler(S& subscriber, std::string name, const EventRegistry& registry = EventRegistry::process()) {
  static_assert(sizeof...(Types) > 0, "name the event types that the subscriber handles");
  static_assert((detail::TypedCallable<detail::HandleOf<S>, Types> && ...),
                "the subscriber has no handle(const T&) for one of the types");
  return Handler(std::move(name), [&subscriber, &registry](const Event& event, const Delivery& delivery) {
    detail::HandleOf<S> handle{subscriber};
    Outcome outcome;
    static_cast<void>(((event.type == event_name<Types>() &&
                        (outcome = detail::handle_typed<Types>(handle, registry, event, delivery), true)) ||
                       ...));
    return outcome;
  });
}

// Subscribes one object, e.g. a projection, to several types; one token ends them all.
template <EventType... Types, class S>
Subscription subscribe_all(EventBus& bus, S& subscriber, std::string name = {},
                           const EventRegistry& registry = EventRegistry::process()) {
  const std::vector<std::string> types{std::string(event_name<Types>())...};
  return bus.subscribe(types, subscriber_handler<Types...>(subscriber, std::move(name), registry));
}

// The same, and the bus shares the subscriber's ownership.
template <EventType... Types, class S>
Subscription subscribe_all(EventBus& bus, std::shared_ptr<S> subscriber, std::string name = {},
                           const EventRegistry& registry = EventRegistry::process()) {
  if (!subscriber) throw Error(ErrorCode::invalid_argument, "subscribe_all: cannot subscribe a null subscriber");
  Handler handler = subscriber_handler<Types...>(*subscriber, name, registry);
  const std::vector<std::string> types{std::string(event_name<Types>())...};
  return bus.subscribe(types,
                       Handler(std::move(name), [subscriber, handler](const Event& event, const Delivery& delivery) {
                         return handler(event, delivery);
                       }));
}

}  // namespace eventbus
