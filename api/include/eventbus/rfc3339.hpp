// Times as text, as RFC 3339 writes them: 2018-04-05T17:31:00Z.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

#include <eventbus/position.hpp>

namespace eventbus {

// In UTC, with no fraction of the second, or three digits, or six: as few as tell the whole time.
inline std::string to_rfc3339(Timestamp time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::int64_t micros = (time - day).count();
  const std::int64_t seconds = micros / 1000000;
  const std::int64_t fraction = micros % 1000000;
  char text[48];
  int size = std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d", static_cast<int>(date.year()),
                           static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                           static_cast<int>(seconds / 3600), static_cast<int>(seconds / 60 % 60),
                           static_cast<int>(seconds % 60));
  std::string out(text, static_cast<std::size_t>(size));
  if (fraction != 0) {
    size = fraction % 1000 == 0 ? std::snprintf(text, sizeof text, ".%03d", static_cast<int>(fraction / 1000))
                                : std::snprintf(text, sizeof text, ".%06d", static_cast<int>(fraction));
    out.append(text, static_cast<std::size_t>(size));
  }
  return out + 'Z';
}

// Any offset and any number of digits; what is finer than a microsecond is cut off. nullopt for anything else.
inline std::optional<Timestamp> parse_rfc3339(std::string_view text) noexcept {
  static constexpr std::string_view shape = "dddd-dd-ddTdd:dd:dd";
  auto digit = [&](std::size_t at) { return at < text.size() && text[at] >= '0' && text[at] <= '9'; };
  auto two = [&](std::size_t at) { return (text[at] - '0') * 10 + (text[at + 1] - '0'); };
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (i >= text.size()) return std::nullopt;
    const char c = text[i] == 't' ? 'T' : text[i];
    if (shape[i] == 'd' ? !digit(i) : c != shape[i]) return std::nullopt;
  }
  const std::chrono::year_month_day date{std::chrono::year{two(0) * 100 + two(2)},
                                         std::chrono::month{static_cast<unsigned>(two(5))},
                                         std::chrono::day{static_cast<unsigned>(two(8))}};
  if (!date.ok() || two(11) > 23 || two(14) > 59 || two(17) > 60) return std::nullopt;
  std::size_t at = shape.size();
  std::int64_t micros = 0;
  if (at < text.size() && text[at] == '.') {
    std::int64_t unit = 100000;
    if (!digit(++at)) return std::nullopt;
    for (; digit(at); ++at, unit /= 10) micros += (text[at] - '0') * unit;
  }
  std::chrono::minutes offset{0};
  const std::string_view zone = text.substr(at);
  if (zone.size() == 6 && (zone[0] == '+' || zone[0] == '-') && zone[3] == ':' && digit(at + 1) && digit(at + 2) &&
      digit(at + 4) && digit(at + 5) && two(at + 1) < 24 && two(at + 4) < 60) {
    offset = std::chrono::minutes(two(at + 1) * 60 + two(at + 4)) * (zone[0] == '+' ? 1 : -1);
  } else if (zone != "Z" && zone != "z") {
    return std::nullopt;
  }
  return Timestamp{std::chrono::sys_days{date}} + std::chrono::hours{two(11)} + std::chrono::minutes{two(14)} +
         std::chrono::seconds{two(17)} + std::chrono::microseconds{micros} - offset;
}

}  // namespace eventbus
