// Expectations in terms of typed events. Wants EventBus::typed.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include <eventbus/testing/test_bus.hpp>
#include <eventbus/typed.hpp>

namespace eventbus::testing {
namespace detail {

// What does not fit its type is a miss.
template <EventType T>
TestBus::Predicate predicate_of(const std::function<bool(const T&)>& wanted) {
  if (!wanted) return {};
  return [&wanted](const Event& event) {
    try {
      return wanted(*decode<T>(event));
    } catch (const Error&) {
      return false;
    }
  };
}

}  // namespace detail

// Throws Error (invalid_argument) if an event does not fit its type.
template <class T>
std::vector<T> TestBus::published() const {
  static_assert(EventType<T>, "T is no event: put EVENTBUS_EVENT(T, fields...) behind it, in its namespace");
  std::vector<T> values;
  for (const Event& event : published(event_name<T>())) values.push_back(*decode<T>(event));
  return values;
}

template <class T>
Expectation TestBus::expect_published(std::size_t count, const std::function<bool(const T&)>& wanted) const {
  static_assert(EventType<T>, "T is no event: put EVENTBUS_EVENT(T, fields...) behind it, in its namespace");
  return expect_published(event_name<T>(), count, detail::predicate_of<T>(wanted));
}

template <class T>
Expectation TestBus::expect_handled(std::size_t count, const std::function<bool(const T&)>& wanted) const {
  static_assert(EventType<T>, "T is no event: put EVENTBUS_EVENT(T, fields...) behind it, in its namespace");
  return expect_handled(event_name<T>(), count, detail::predicate_of<T>(wanted));
}

}  // namespace eventbus::testing
