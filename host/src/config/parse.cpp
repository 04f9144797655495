// From JSON text, the environment and overrides to a BusConfig.
#include <algorithm>
#include <cctype>
#include <cerrno>
#include <eventbus/config.hpp>
#include <eventbus/error.hpp>
#include <fstream>
#include <sstream>
#include <system_error>

#include "config/interpolate.hpp"
#include "config/json_text.hpp"
#include "config/keys.hpp"

namespace eventbus {

using host::Json;
using host::Place;
using host::Problems;

namespace {

std::string variable_of(const std::string& key) {
  std::string name = "EVENTBUS_";
  for (char c : key) name += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return name;
}

std::vector<std::string> split_list(const std::string& text) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, ',');) {
    std::size_t begin = part.find_first_not_of(' ');
    if (begin != std::string::npos) parts.push_back(part.substr(begin, part.find_last_not_of(' ') + 1 - begin));
  }
  return parts;
}

void apply_environment(BusConfig& config, Problems& problems) {
  for (const host::Key& key : host::top_level_keys()) {
    std::string variable = variable_of(key.name);
    const char* text = host::environment(variable);
    Place place{"environment", variable};
    if (text && key.scalar) {
      problems.collect([&] { key.read(config, host::value_from_text(text, place, key.text), place); });
    } else if (text && key.name == "require") {
      problems.collect([&] { key.read(config, Json(split_list(text)), place); });
    }
  }
}

// A dotted path, in its parts. A backend's name may hold dots: it is a path to a plugin, maybe.
std::vector<std::string> parts_of(const std::string& path) {
  std::size_t first = path.find('.');
  std::size_t last = path.rfind('.');
  if (first == std::string::npos) return {path};
  if (path.substr(0, first) != "backends" || first == last) return {path.substr(0, first), path.substr(first + 1)};
  return {path.substr(0, first), path.substr(first + 1, last - first - 1), path.substr(last + 1)};
}

void set_at(Json& tree, const std::vector<std::string>& parts, const Json& value) {
  Json* at = &tree;
  for (const std::string& part : parts) {
    if (!at->is_object()) *at = Json::object();
    at = &(*at)[part];
  }
  *at = value;
}

void erase_at(Json& tree, const std::vector<std::string>& parts) {
  Json* at = &tree;
  for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
    auto found = at->is_object() ? at->find(parts[i]) : at->end();
    if (found == at->end()) return;
    at = &*found;
  }
  if (at->is_object()) at->erase(parts.back());
}

bool is_text(const std::vector<std::string>& parts) {
  const auto& keys = host::top_level_keys();
  return parts.size() == 1 &&
         std::any_of(keys.begin(), keys.end(), [&](const host::Key& key) { return key.name == parts[0] && key.text; });
}

// The overrides as a tree of their own. What they replace goes from `tree`: it need not even be interpolated.
Json take_overrides(const ConfigOverrides& overrides, Json& tree, BusConfig& config) {
  Json late = Json::object();
  for (const auto& [path, text] : overrides) {
    if (path.empty())
      Place{"override", ""}.refuse("a key is empty; allowed is key=value with a dotted path as the key");
    auto parts = parts_of(path);
    Place place{"override", path, parts[0] == "backends"};
    Json value = host::value_from_text(text, place, is_text(parts) && text != "null");
    erase_at(tree, parts);
    set_at(late, parts, value);
    if (parts.size() == 3) config.pinned.push_back(path);
    if (parts.size() == 2 && parts[0] == "backends" && value.is_object()) {
      for (const auto& [key, member] : value.items()) config.pinned.push_back(path + "." + key);
    }
  }
  return late;
}

// The chosen backend's section must be complete; another one may name variables that are not set here. A path does not
// tell which section its plugin reads, so then it may be any.
void interpolate_sections(Json& sections, const std::string& backend, const Place& place) {
  if (!sections.is_object()) return;
  for (auto& [name, section] : sections.items()) {
    bool chosen = name == backend || backend.find('/') != std::string::npos;
    host::interpolate(section, place.at(name), !chosen);
  }
}

}  // namespace

BusConfig parse_config(std::string_view json, const std::string& origin, const ConfigOverrides& overrides) {
  Place top{origin, ""};
  Json tree = host::parse_json_text(json, origin);
  if (!tree.is_object()) top.refuse_value(tree, "an object, {...}");
  BusConfig config;
  config.origin = origin;
  Json late = take_overrides(overrides, tree, config);
  Json sections = tree.contains("backends") ? tree["backends"] : Json::object();
  Json late_sections = late.contains("backends") ? late["backends"] : Json::object();
  tree.erase("backends");
  late.erase("backends");

  Problems problems;
  problems.collect([&] { host::interpolate(tree, top); });
  problems.raise();
  problems.collect([&] { host::read_object(host::top_level_keys(), config, tree, top); });
  apply_environment(config, problems);
  problems.collect([&] { host::read_object(host::top_level_keys(), config, late, Place{"override", ""}); });
  problems.collect([&] { interpolate_sections(sections, config.backend, top.at("backends")); });
  if (!late_sections.empty()) {
    if (sections.is_object() && late_sections.is_object()) {
      sections.merge_patch(late_sections);
    } else {
      sections = late_sections;
    }
  }
  problems.collect([&] { host::read_object(host::top_level_keys(), config, Json{{"backends", sections}}, top); });
  problems.raise();
  validate(config, origin);
  return config;
}

BusConfig load_config(const std::filesystem::path& file, const ConfigOverrides& overrides) {
  auto cannot_read = [&](const std::string& cause) {
    throw Error(ErrorCode::invalid_config,
                "config " + file.string() + ": cannot read it: " + cause + "; give a readable file of JSON");
  };
  std::error_code ignored;
  if (std::filesystem::is_directory(file, ignored)) cannot_read("it is a directory");
  errno = 0;
  std::ifstream in(file, std::ios::binary);
  if (!in) cannot_read(errno ? std::generic_category().message(errno) : "it can't be opened");
  std::ostringstream text;
  text << in.rdbuf();
  BusConfig config = parse_config(text.str(), file.filename().string(), overrides);
  bool from_file =
      std::none_of(overrides.begin(), overrides.end(), [](const auto& one) { return one.first == "plugin_dirs"; });
  for (std::string& dir : config.plugin_dirs) {
    std::filesystem::path path(dir);
    if (from_file && path.is_relative()) {
      dir = (std::filesystem::absolute(file).parent_path() / path).lexically_normal().string();
    }
  }
  return config;
}

void validate(const BusConfig& config, const std::string& origin) {
  Place top{origin, ""};
  Problems problems;
  BusConfig read;
  for (const host::Key& key : host::top_level_keys()) {
    problems.collect([&] { key.read(read, key.write(config), top.at(key.name)); });
  }
  problems.raise();

  // `key` must not be below `other`.
  auto refuse_below = [&](const char* key, auto value, const char* other, auto limit, const char* advice) {
    if (value >= limit) return;
    problems.collect([&] {
      Place{origin, key}.refuse("found " + std::to_string(value) + ", which is below " + other + " (" +
                                std::to_string(limit) + "); " + advice);
    });
  };
  refuse_below("max_in_flight", config.max_in_flight, "concurrency", config.concurrency,
               "raise it, or lower concurrency");
  refuse_below("retry.max_ms", config.retry.max.count(), "retry.initial_ms", config.retry.initial.count(),
               "raise it, or lower retry.initial_ms");
  if (config.trim.hard_max_length > 0) {
    refuse_below("trim.hard_max_length", config.trim.hard_max_length, "trim.max_length", config.trim.max_length,
                 "raise it, or set it to 0 (off)");
  }
  if (config.on_unhandled == OnUnhandled::dead_letter && !config.enable_dlq) {
    problems.collect([&] {
      top.at("on_unhandled").refuse("found \"dead_letter\", but enable_dlq is false; enable it, or choose another");
    });
  }
  problems.raise();
}

}  // namespace eventbus
