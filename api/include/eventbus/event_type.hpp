// What makes a struct an event: its name, its version, its fields. Behind the struct, in its namespace:
//
//   EVENTBUS_EVENT(OrderCreated, customer_id, total_amount)            named "OrderCreated", version 1
//   EVENTBUS_EVENT_VERSION(OrderCreated, 2, customer_id, total_cents)  the fields changed: version 2
//   EVENTBUS_EVENT_NAMED(Created, "order.created", 1, customer_id)     a name of your choice
//   EVENTBUS_EVENT_TYPE(Legacy, "legacy", 1)                           encoded by its own to_json and from_json
//
// fields.hpp says what a field may be. The struct needs a default constructor.
#pragma once

#include <concepts>
#include <string_view>

#include <eventbus/fields.hpp>

namespace eventbus {

struct EventTypeInfo {
  std::string_view name;  // Event::type
  int version = 1;        // from 1 on
};

template <class T>
concept EventType = std::default_initializable<T> && requires {
  { eventbus_event_type(Tag<T>{}) } -> std::same_as<EventTypeInfo>;
};

template <EventType T>
constexpr EventTypeInfo event_type() noexcept {
  constexpr EventTypeInfo info = eventbus_event_type(Tag<T>{});
  static_assert(!info.name.empty(), "an event needs a name");
  static_assert(info.version >= 1, "event versions begin with 1");
  return info;
}
template <EventType T>
constexpr std::string_view event_name() noexcept {
  return event_type<T>().name;
}
template <EventType T>
constexpr int event_version() noexcept {
  return event_type<T>().version;
}

}  // namespace eventbus

#define EVENTBUS_EVENT(Type, ...) EVENTBUS_EVENT_NAMED(Type, #Type, 1 __VA_OPT__(, ) __VA_ARGS__)
#define EVENTBUS_EVENT_VERSION(Type, version, ...) EVENTBUS_EVENT_NAMED(Type, #Type, version __VA_OPT__(, ) __VA_ARGS__)
#define EVENTBUS_EVENT_NAMED(Type, name, version, ...) \
  EVENTBUS_FIELDS(Type __VA_OPT__(, ) __VA_ARGS__)     \
  EVENTBUS_EVENT_TYPE(Type, name, version)
#define EVENTBUS_EVENT_TYPE(Type, name, version)                                                             \
  [[maybe_unused]] constexpr ::eventbus::EventTypeInfo eventbus_event_type(::eventbus::Tag<Type>) noexcept { \
    return {name, version};                                                                                  \
  }
