// Times as text: 2026-11-23T00:00:00Z, with up to six digits of a second's fraction.
#pragma once

#include <chrono>
#include <cstdio>
#include <eventbus/position.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace eventbus::host {

inline std::optional<Timestamp> parse_time(const std::string& text) {
  static constexpr std::string_view shape = "dddd-dd-ddTdd:dd:dd";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (i >= text.size() || (shape[i] == 'd' && (text[i] < '0' || text[i] > '9'))) return std::nullopt;
  }
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, used = 0;
  if (std::sscanf(text.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d%n", &year, &month, &day, &hour, &minute, &second, &used) !=
      6) {
    return std::nullopt;
  }
  std::size_t at = static_cast<std::size_t>(used);
  std::int64_t micros = 0;
  if (at < text.size() && text[at] == '.') {
    std::int64_t unit = 100000;
    for (++at; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, unit /= 10) {
      micros += (text[at] - '0') * unit;
    }
  }
  std::string zone = text.substr(at);
  if (zone != "Z" && zone != "+00:00") return std::nullopt;
  std::chrono::year_month_day date{std::chrono::year{year}, std::chrono::month{static_cast<unsigned>(month)},
                                   std::chrono::day{static_cast<unsigned>(day)}};
  if (!date.ok() || hour > 23 || minute > 59 || second > 60 || hour < 0 || minute < 0 || second < 0)
    return std::nullopt;
  return Timestamp{std::chrono::sys_days{date}} + std::chrono::hours{hour} + std::chrono::minutes{minute} +
         std::chrono::seconds{second} + std::chrono::microseconds{micros};
}

}  // namespace eventbus::host
