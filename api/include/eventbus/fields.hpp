// Structs to JSON and back, with errors that say where.
//
//   struct Address { std::string street; std::optional<std::string> floor; };
//   EVENTBUS_FIELDS(Address, street, floor)
//
// stands behind the struct, in its namespace, and may name its base's fields. A field may be a bool, a number, text, a
// Timestamp (RFC 3339 text), another such struct, whatever nlohmann_json can handle (an enum with
// NLOHMANN_JSON_SERIALIZE_ENUM, a type with to_json and from_json), or an optional, vector, deque, list, set or map by
// text of these. Reading: an optional field may be missing or null, any other is required; unknown fields are ignored;
// a number must fit its type, with nothing cut off. Writing: an empty optional is left out.
#pragma once

#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <limits>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <eventbus/rfc3339.hpp>

namespace eventbus {

// Names a type to functions found by its namespace.
template <class T>
struct Tag {};

namespace detail {

using Json = nlohmann::json;

// Where in a value: a chain on the stack, put into words only if something is wrong there.
struct Place {
  const Place* outer = nullptr;
  std::string_view field{};  // empty: `index` tells
  std::size_t index = 0;
  unsigned depth = 0;

  Place in(std::string_view name) const noexcept { return {this, name, 0, depth + 1}; }
  Place at(std::size_t number) const noexcept { return {this, {}, number, depth + 1}; }

  std::string text() const {
    if (!outer) return {};
    std::string before = outer->text();
    if (field.empty()) return before + "[" + std::to_string(index) + "]";
    return before.empty() ? std::string(field) : before + "." + std::string(field);
  }
};

// What does not fit, and where.
struct Misfit : std::runtime_error {
  Misfit(const Place& place, const std::string& cause)
      : std::runtime_error((place.outer ? "field '" + place.text() + "'" : std::string("the payload")) + " " + cause) {}
};

inline std::string shown(const Json& value) {
  if (value.is_object()) return "an object";
  if (value.is_array()) return "an array";
  if (value.is_null()) return "null";
  std::string text = value.dump(-1, ' ', true, Json::error_handler_t::replace);
  if (text.size() > 40) text = text.substr(0, 37) + "...";
  return (value.is_string() ? "the text " : value.is_boolean() ? "the boolean " : "the number ") + text;
}

[[noreturn]] inline void refuse(const Place& place, std::string_view wanted, const Json& found) {
  throw Misfit(place, "must be " + std::string(wanted) + ", found " + shown(found));
}

template <class T, template <class...> class Template>
inline constexpr bool is_a = false;
template <template <class...> class Template, class... Arguments>
inline constexpr bool is_a<Template<Arguments...>, Template> = true;

template <class T>
inline constexpr bool is_sequence =
    is_a<T, std::vector> || is_a<T, std::deque> || is_a<T, std::list> || is_a<T, std::set>;

template <class T>
inline constexpr bool is_text_map = false;
template <class T, class... Rest>
inline constexpr bool is_text_map<std::map<std::string, T, Rest...>> = true;
template <class T, class... Rest>
inline constexpr bool is_text_map<std::unordered_map<std::string, T, Rest...>> = true;

struct AnyVisitor {
  template <class Member>
  void operator()(std::string_view, Member&&) const {}
};
template <class T>
concept HasFields = requires {
  eventbus_fields(Tag<T>{}, AnyVisitor{});
};

// A struct type may contain itself, so how deep a value goes is up to whoever wrote it.
inline constexpr unsigned deepest = 200;

template <std::integral T>
void read_whole_number(const Json& from, T& to, const Place& place) {
  auto take = [&](auto number) {
    if (!std::in_range<T>(number)) {
      refuse(place,
             "between " + std::to_string(std::numeric_limits<T>::min()) + " and " +
                 std::to_string(std::numeric_limits<T>::max()),
             from);
    }
    to = static_cast<T>(number);
  };
  if (from.is_number_unsigned()) return take(from.get<std::uint64_t>());
  if (from.is_number_integer()) return take(from.get<std::int64_t>());
  constexpr double exact = 9007199254740992.0;  // 2^53: whole numbers up to here are themselves as a double
  if (from.is_number_float()) {
    const double number = from.get<double>();
    if (std::trunc(number) == number && std::abs(number) <= exact) return take(static_cast<std::int64_t>(number));
  }
  refuse(place, "a whole number", from);
}

template <class T>
void read(const Json& from, T& to, const Place& place) {
  if (place.depth > deepest) throw Misfit(place, "is nested too deeply");
  if constexpr (HasFields<T>) {
    if (!from.is_object()) refuse(place, "an object", from);
    eventbus_fields(Tag<T>{}, [&](std::string_view name, auto member) {
      auto& field = to.*member;
      const auto found = from.find(name);
      if (found != from.end()) return read(*found, field, place.in(name));
      if constexpr (is_a<std::remove_cvref_t<decltype(field)>, std::optional>) {
        field.reset();
      } else {
        throw Misfit(place.in(name), "is missing");
      }
    });
  } else if constexpr (is_a<T, std::optional>) {
    if (from.is_null()) return to.reset();
    read(from, to.emplace(), place);
  } else if constexpr (std::same_as<T, bool>) {
    if (!from.is_boolean()) refuse(place, "a boolean", from);
    to = from.get<bool>();
  } else if constexpr (std::integral<T>) {
    read_whole_number(from, to, place);
  } else if constexpr (std::floating_point<T>) {
    if (!from.is_number()) refuse(place, "a number", from);
    to = from.get<T>();
  } else if constexpr (std::same_as<T, std::string>) {
    if (!from.is_string()) refuse(place, "text", from);
    to = from.get_ref<const std::string&>();
  } else if constexpr (std::same_as<T, Timestamp>) {
    const auto time = from.is_string() ? parse_rfc3339(from.get_ref<const std::string&>()) : std::nullopt;
    if (!time) refuse(place, "a time like 2018-04-05T17:31:00Z", from);
    to = *time;
  } else if constexpr (is_sequence<T>) {
    if (!from.is_array()) refuse(place, "an array", from);
    to.clear();
    for (std::size_t i = 0; i < from.size(); ++i) {
      typename T::value_type item{};
      read(from[i], item, place.at(i));
      to.insert(to.end(), std::move(item));
    }
  } else if constexpr (is_text_map<T>) {
    if (!from.is_object()) refuse(place, "an object", from);
    to.clear();
    for (const auto& [name, value] : from.items()) read(value, to[name], place.in(name));
  } else {
    try {
      from.get_to(to);
    } catch (const std::exception& error) {
      throw Misfit(place, std::string("cannot be read: ") + error.what() + ", found " + shown(from));
    }
  }
}

template <class T>
Json write(const T& from, const Place& place) {
  if constexpr (HasFields<T>) {
    Json to = Json::object();
    eventbus_fields(Tag<T>{}, [&](std::string_view name, auto member) {
      const auto& field = from.*member;
      if constexpr (is_a<std::remove_cvref_t<decltype(field)>, std::optional>) {
        if (!field) return;
      }
      to.emplace(name, write(field, place.in(name)));
    });
    return to;
  } else if constexpr (is_a<T, std::optional>) {
    return from ? write(*from, place) : Json(nullptr);
  } else if constexpr (std::floating_point<T>) {
    if (!std::isfinite(from)) throw Misfit(place, "is no finite number, which JSON can't express");
    return from;
  } else if constexpr (std::same_as<T, Timestamp>) {
    return to_rfc3339(from);
  } else if constexpr (is_sequence<T>) {
    Json to = Json::array();
    for (const typename T::value_type& item : from) to.push_back(write(item, place.at(to.size())));
    return to;
  } else if constexpr (is_text_map<T>) {
    Json to = Json::object();
    for (const auto& [name, value] : from) to.emplace(name, write(value, place.in(name)));
    return to;
  } else {
    return Json(from);
  }
}

}  // namespace detail
}  // namespace eventbus

#define EVENTBUS_FIELDS(Type, ...)                                                            \
  template <class Visitor>                                                                    \
  [[maybe_unused]] constexpr void eventbus_fields(::eventbus::Tag<Type>, Visitor&& visitor) { \
    static_cast<void>(visitor);                                                               \
    __VA_OPT__(EVENTBUS_EXPAND(EVENTBUS_EACH_FIELD(Type, __VA_ARGS__)))                       \
  }                                                                                           \
  [[maybe_unused]] inline void to_json(::nlohmann::json& to, const Type& from) {              \
    to = ::eventbus::detail::write(from, {});                                                 \
  }                                                                                           \
  [[maybe_unused]] inline void from_json(const ::nlohmann::json& from, Type& to) {            \
    ::eventbus::detail::read(from, to, {});                                                   \
  }

// Applies the visitor to each field: as many steps as EVENTBUS_EXPAND scans again, which is more than 256.
#define EVENTBUS_EACH_FIELD(Type, field, ...)        \
  visitor(::std::string_view(#field), &Type::field); \
  __VA_OPT__(EVENTBUS_EACH_FIELD_AGAIN EVENTBUS_NOTHING_IN_PARENTHESES(Type, __VA_ARGS__))
#define EVENTBUS_EACH_FIELD_AGAIN() EVENTBUS_EACH_FIELD
#define EVENTBUS_NOTHING_IN_PARENTHESES ()
#define EVENTBUS_EXPAND(...) EVENTBUS_EXPAND_3(EVENTBUS_EXPAND_3(EVENTBUS_EXPAND_3(EVENTBUS_EXPAND_3(__VA_ARGS__))))
#define EVENTBUS_EXPAND_3(...) EVENTBUS_EXPAND_2(EVENTBUS_EXPAND_2(EVENTBUS_EXPAND_2(EVENTBUS_EXPAND_2(__VA_ARGS__))))
#define EVENTBUS_EXPAND_2(...) EVENTBUS_EXPAND_1(EVENTBUS_EXPAND_1(EVENTBUS_EXPAND_1(EVENTBUS_EXPAND_1(__VA_ARGS__))))
#define EVENTBUS_EXPAND_1(...) __VA_ARGS__
