#include "options.hpp"

#include <eventbus/memory/memory_backend.hpp>
#include <nlohmann/json.hpp>

namespace eventbus::memory {
namespace {

[[noreturn]] void refuse(const std::string& key, const nlohmann::json& found, const std::string& allowed) {
  throw Error(ErrorCode::invalid_config,
              "memory: cannot use backends.memory." + key + ": found " + found.dump() + "; allowed is " + allowed);
}

std::string text(const std::string& key, const nlohmann::json& value) {
  if (!value.is_string() || value.get_ref<const std::string&>().empty()) refuse(key, value, "a text");
  return value.get<std::string>();
}

void read(Options& options, const std::string& key, const nlohmann::json& value) {
  if (key == "broker") {
    options.broker = text(key, value);
  } else if (key == "max_events") {
    // Signed only if it is negative, or was made by code rather than read from text.
    if (!value.is_number_integer() || value < 1) refuse(key, value, "an integer from 1");
    options.max_events = value.get<std::uint64_t>();
  } else if (key == "history") {
    if (!value.is_boolean()) refuse(key, value, "true or false");
    options.history = value.get<bool>();
  } else if (key == "dispatch") {
    if (value != "background" && value != "inline") refuse(key, value, "\"background\" or \"inline\"");
    options.inline_dispatch = value == "inline";
  } else {
    throw Error(ErrorCode::invalid_config, "memory: cannot use backends.memory." + key +
                                               ": unknown key; allowed are broker, max_events, history, dispatch");
  }
}

}  // namespace

std::string_view config_schema() noexcept { return config_schema_text; }

Options parse_options(const std::string& json) {
  auto section = nlohmann::json::parse(json, nullptr, false);
  if (!section.is_object()) {
    throw Error(ErrorCode::invalid_config, "memory: cannot read backends.memory: not a JSON object");
  }
  Options options;
  for (const auto& [key, value] : section.items()) read(options, key, value);
  return options;
}

}  // namespace eventbus::memory
