// Where an event stands in its stream.
#pragma once

#include <charconv>
#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

namespace eventbus {

// UTC, microseconds since 1970-01-01T00:00:00Z.
using Timestamp = std::chrono::sys_time<std::chrono::microseconds>;

// Given by the backend when it accepts an event; strictly increasing along one stream, and meaningless in another.
// On Redis it is the entry's id (`high` milliseconds, `low` sequence number). The text form is `<high>-<low>`.
struct Position {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  friend constexpr auto operator<=>(const Position&, const Position&) = default;

  static constexpr Position first() noexcept { return {}; }
  static constexpr Position last() noexcept {
    return {std::numeric_limits<std::uint64_t>::max(), std::numeric_limits<std::uint64_t>::max()};
  }

  // The neighbour in the order, e.g. to make a bound exclusive; saturates at first() and last().
  constexpr Position next() const noexcept {
    if (*this == last()) return *this;
    return low == std::numeric_limits<std::uint64_t>::max() ? Position{high + 1, 0} : Position{high, low + 1};
  }
  constexpr Position previous() const noexcept {
    if (*this == first()) return *this;
    return low == 0 ? Position{high - 1, std::numeric_limits<std::uint64_t>::max()} : Position{high, low - 1};
  }
};

inline std::string to_string(const Position& position) {
  char text[44];
  char* at = std::to_chars(text, text + 20, position.high).ptr;
  *at++ = '-';
  at = std::to_chars(at, text + sizeof text, position.low).ptr;
  return {text, at};
}

// Reads `<high>-<low>` or `<high>` (low is then 0); nullopt for anything else.
inline std::optional<Position> parse_position(std::string_view text) noexcept {
  Position position;
  const char* end = text.data() + text.size();
  auto [at, error] = std::from_chars(text.data(), end, position.high);
  if (error != std::errc{}) return std::nullopt;
  if (at == end) return position;
  if (*at != '-') return std::nullopt;
  auto [stop, low_error] = std::from_chars(at + 1, end, position.low);
  if (low_error != std::errc{} || stop != end) return std::nullopt;
  return position;
}

// Where a group begins to read when it is created. A group that exists goes on where it was.
struct StartFrom {
  enum class Kind : std::int32_t {
    earliest = 0,  // the oldest event that the stream still holds
    latest = 1,    // events published after the moment of creation
    position = 2,  // events after `position`
    time = 3,      // events that the backend accepted at `time` or later
  };

  Kind kind = Kind::earliest;
  Position position{};
  Timestamp time{};

  static StartFrom earliest() { return {}; }
  static StartFrom latest() { return {Kind::latest, {}, {}}; }
  static StartFrom after(Position position) { return {Kind::position, position, {}}; }
  static StartFrom at(Timestamp time) { return {Kind::time, {}, time}; }
};

}  // namespace eventbus

template <>
struct std::hash<eventbus::Position> {
  std::size_t operator()(const eventbus::Position& position) const noexcept {
    // Sequence numbers and milliseconds are both dense: mix them (the multiplier is 2^64 / golden ratio).
    std::uint64_t mixed = (position.high * 0x9E3779B97F4A7C15ull) ^ (position.low + 0x9E3779B97F4A7C15ull);
    return static_cast<std::size_t>(mixed ^ (mixed >> 32));
  }
};
