#include "config/schema.hpp"

#include <algorithm>
#include <limits>
#include <regex>

#include "config/suggest.hpp"

namespace eventbus::host {
namespace {

void check_enum(const Json& choices, const Json& value, const Place& place) {
  bool texts = std::all_of(choices.begin(), choices.end(), [](const Json& one) { return one.is_string(); });
  if (texts) {
    read_choice(value, place, choices.get<std::vector<std::string>>());
  } else if (std::find(choices.begin(), choices.end(), value) == choices.end()) {
    place.refuse_value(value, "one of " + choices.dump());
  }
}

void check(const Json& rule, const Json& value, const Place& place) {
  if (rule.contains("enum")) return check_enum(rule["enum"], value, place);
  std::string type = rule.value("type", "string");
  if (type == "integer") {
    read_integer(value, place, rule.value("minimum", std::numeric_limits<std::int64_t>::min()),
                 rule.value("maximum", std::numeric_limits<std::int64_t>::max()));
  } else if (type == "number") {
    read_number(value, place, rule.value("minimum", std::numeric_limits<double>::lowest()),
                rule.value("maximum", std::numeric_limits<double>::max()));
  } else if (type == "boolean") {
    read_boolean(value, place);
  } else if (type == "object") {
    if (!value.is_object()) place.refuse_value(value, "an object");
  } else if (type == "array") {
    if (!value.is_array()) place.refuse_value(value, "a list");
  } else {
    std::string text = read_string(value, place);
    auto pattern = rule.value("pattern", std::string());
    if (!pattern.empty() && !std::regex_search(text, std::regex(pattern))) {
      place.refuse_value(value, "a string that matches " + pattern);
    }
  }
}

std::string checked(const Json& schema, const Json& section, const Place& place,
                    const std::vector<std::string>& pinned) {
  const Json properties = schema.value("properties", Json::object());
  std::vector<std::string> names;
  for (const auto& [name, rule] : properties.items()) names.push_back(name);

  Problems problems;
  for (const auto& [name, value] : section.items()) {
    Place here = place.at(name);
    if (!properties.contains(name)) problems.collect([&, key = name] { here.refuse(unknown_key(key, names)); });
  }
  Json result = section;
  for (const auto& [name, rule] : properties.items()) {
    Place here = place.at(name);
    here.secret = rule.value("x-secret", false);
    auto variable = rule.value("x-env", std::string());
    bool is_pinned = std::find(pinned.begin(), pinned.end(), here.path) != pinned.end();
    const char* text = variable.empty() || is_pinned ? nullptr : environment(variable);
    problems.collect([&, key = name, &property = rule] {
      if (text) {
        here.origin = "environment";
        here.path = variable;
        result[key] = value_from_text(text, here, property.value("type", "string") == "string");
      }
      if (result.contains(key)) {
        check(property, result[key], here);
      } else if (property.contains("default")) {
        result[key] = property["default"];
      }
    });
  }
  problems.raise();
  return result.dump();
}

[[noreturn]] void refuse_schema(const Place& place) {
  throw Error(ErrorCode::plugin_rejected,
              "config " + place.origin + ": " + place.path +
                  ": the schema that the backend brings for this section is not valid; this is a defect of the "
                  "plugin, tell its author");
}

}  // namespace

std::string apply_schema(std::string_view schema_json, const Json& section, const Place& place,
                         const std::vector<std::string>& pinned) {
  if (!section.is_object()) Place{place.origin, place.path, true}.refuse_value(section, "an object");
  if (schema_json.empty()) return section.dump();
  try {
    return checked(Json::parse(schema_json), section, place, pinned);
  } catch (const Json::exception&) {
    refuse_schema(place);
  } catch (const std::regex_error&) {
    refuse_schema(place);
  }
}

}  // namespace eventbus::host
