#include "config/interpolate.hpp"

#include <algorithm>
#include <cstdlib>
#include <optional>

namespace eventbus::host {
namespace {

bool is_variable_name(std::string_view name) {
  auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  return !name.empty() && is_letter(name[0]) &&
         std::all_of(name.begin(), name.end(), [&](char c) { return is_letter(c) || (c >= '0' && c <= '9'); });
}

// What ${...} stands for. A default is taken for an empty variable too, as a shell does.
std::string value_of(std::string_view inner, const Place& place) {
  std::optional<std::string_view> fallback;
  if (std::size_t split = inner.find(":-"); split != std::string_view::npos) {
    fallback = inner.substr(split + 2);
    inner = inner.substr(0, split);
  }
  if (!is_variable_name(inner)) {  // not shown: it may be a piece of a secret
    place.refuse("\"${\" is not followed by a variable's name; write ${NAME}, or \"$${\" for a plain \"${\"");
  }
  std::string name(inner);
  const char* value = std::getenv(name.c_str());
  if (value && (*value || !fallback)) return value;
  if (fallback) return std::string(*fallback);
  place.refuse("the environment variable " + name + " is not set; set it, or write ${" + name + ":-default}");
}

std::string interpolated(const std::string& text, const Place& place) {
  std::string result;
  for (std::size_t at = 0;;) {
    std::size_t begin = text.find("${", at);
    if (begin == std::string::npos) return result + text.substr(at);
    if (begin > at && text[begin - 1] == '$') {
      result += text.substr(at, begin - 1 - at) + "${";
      at = begin + 2;
      continue;
    }
    std::size_t end = text.find('}', begin);
    if (end == std::string::npos) place.refuse("\"${\" has no \"}\"; close it, or write \"$${\" for a plain \"${\"");
    result += text.substr(at, begin - at);
    result += value_of(std::string_view(text).substr(begin + 2, end - begin - 2), place);
    at = end + 1;
  }
}

void interpolate_all(Json& value, const Place& place, bool lenient, Problems& problems) {
  if (value.is_string()) {
    Problems here;
    here.collect([&] { value = value_from_text(interpolated(value.get<std::string>(), place), place, true); });
    if (!lenient) problems.collect([&] { here.raise(); });
  } else if (value.is_object()) {
    for (auto& [name, member] : value.items()) interpolate_all(member, place.at(name), lenient, problems);
  } else if (value.is_array()) {
    for (std::size_t i = 0; i < value.size(); ++i) {
      interpolate_all(value[i], place.at(std::to_string(i)), lenient, problems);
    }
  }
}

}  // namespace

void interpolate(Json& value, const Place& place, bool lenient) {
  Problems problems;
  interpolate_all(value, place, lenient, problems);
  problems.raise();
}

}  // namespace eventbus::host
