#include "config/values.hpp"

#include <algorithm>
#include <cstdlib>
#include <limits>

#include "config/suggest.hpp"

namespace eventbus::host {
namespace {

// For people: bytes that are no UTF-8 are replaced, and a long text is cut.
std::string shown(const Json& value) {
  static constexpr std::size_t longest = 80;
  std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() <= longest) return text;
  std::size_t cut = longest;
  while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xC0) == 0x80) --cut;
  return text.substr(0, cut) + "...";
}

std::string quoted_list(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "\"" : ", \"") + name + "\"";
  return list;
}

}  // namespace

void Place::refuse(const std::string& problem) const {
  throw Error(ErrorCode::invalid_config,
              (origin == "config" ? origin : "config " + origin) + ": " + (path.empty() ? "" : path + ": ") + problem);
}

void Place::refuse_value(const Json& found, const std::string& allowed) const {
  refuse("found " + (secret ? "(secret)" : describe(found)) + "; allowed is " + allowed);
}

std::string describe(const Json& value) {
  switch (value.type()) {
    case Json::value_t::null: return "null";
    case Json::value_t::object: return "an object";
    case Json::value_t::array: return "a list";
    case Json::value_t::string: return shown(value) + " (a string)";
    case Json::value_t::boolean: return value.dump() + " (a boolean)";
    default: return value.dump();
  }
}

std::int64_t read_integer(const Json& value, const Place& place, std::int64_t minimum, std::int64_t maximum,
                          const char* what) {
  using Limits = std::numeric_limits<std::int64_t>;
  bool fits = value.is_number_unsigned() ? value.get<std::uint64_t>() <= static_cast<std::uint64_t>(Limits::max())
                                         : value.is_number_integer();
  if (fits) {
    auto number = value.get<std::int64_t>();
    if (number >= minimum && number <= maximum) return number;
  }
  std::string allowed = what;
  if (minimum != Limits::min()) allowed += " from " + std::to_string(minimum);
  if (maximum != Limits::max()) allowed += " to " + std::to_string(maximum);
  place.refuse_value(value, allowed);
}

double read_number(const Json& value, const Place& place, double minimum, double maximum) {
  using Limits = std::numeric_limits<double>;
  if (value.is_number()) {
    auto number = value.get<double>();
    if (number >= minimum && number <= maximum) return number;  // neither holds for what is no number
  }
  std::string allowed = "a number";
  if (minimum != Limits::lowest()) allowed += " from " + Json(minimum).dump();
  if (maximum != Limits::max()) allowed += " to " + Json(maximum).dump();
  place.refuse_value(value, allowed);
}

bool read_boolean(const Json& value, const Place& place) {
  if (!value.is_boolean()) place.refuse_value(value, "true or false");
  return value.get<bool>();
}

std::string read_string(const Json& value, const Place& place) {
  if (!value.is_string()) place.refuse_value(value, "a string");
  return value.get<std::string>();
}

std::string read_name(const Json& value, const Place& place) {
  static constexpr char allowed[] = "a string that is not empty and holds no control characters";
  if (!value.is_string()) place.refuse_value(value, allowed);
  auto text = value.get<std::string>();
  bool controls =
      std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
  if (text.empty() || controls) place.refuse_value(value, allowed);
  return text;
}

std::string read_choice(const Json& value, const Place& place, const std::vector<std::string>& allowed) {
  std::string list = "one of " + quoted_list(allowed);
  if (!value.is_string()) place.refuse_value(value, list);
  auto text = value.get<std::string>();
  if (std::find(allowed.begin(), allowed.end(), text) != allowed.end()) return text;
  auto meant = place.secret ? std::nullopt : suggest(text, allowed);
  place.refuse_value(value, list + (meant ? "; did you mean \"" + *meant + "\"?" : ""));
}

Json value_from_text(const std::string& found, const Place& place, bool text) {
  if (!text) {
    Json value = Json::parse(found, nullptr, false);
    if (!value.is_discarded()) return value;
  }
  try {
    static_cast<void>(Json(found).dump());
  } catch (const Json::exception&) {
    place.refuse("found bytes that are not UTF-8; allowed is UTF-8 text");
  }
  return found;
}

const char* environment(const std::string& variable) {
  const char* value = std::getenv(variable.c_str());
  return value && *value ? value : nullptr;
}

}  // namespace eventbus::host
