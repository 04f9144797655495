#include "options.hpp"

#include <eventbus/error.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>

namespace eventbus::sqlite {
namespace {

[[noreturn]] void refuse(const std::string& key, const nlohmann::json& found, const std::string& allowed) {
  throw Error(ErrorCode::invalid_config,
              "sqlite: cannot use backends.sqlite." + key + ": found " + found.dump() + "; allowed is " + allowed);
}

// SQLite would take some names for other things than files.
std::string path_of(const nlohmann::json& value) {
  const std::string allowed = "the path of a file (for a bus inside one process there is the backend \"memory\")";
  if (!value.is_string()) refuse("path", value, allowed);
  std::string path = value.get<std::string>();
  if (path.empty() || path.starts_with(":") || path.starts_with("file:") || path.find('\0') != std::string::npos) {
    refuse("path", value, allowed);
  }
  return std::filesystem::absolute(path).lexically_normal().string();
}

void read(Options& options, const std::string& key, const nlohmann::json& value) {
  if (key == "path") {
    options.path = path_of(value);
  } else if (key == "synchronous") {
    if (value != "off" && value != "normal" && value != "full") refuse(key, value, "\"off\", \"normal\" or \"full\"");
    options.synchronous = value.get<std::string>();
  } else if (key == "busy_timeout_ms") {
    if (!value.is_number_integer() || value < 1 || value > 3600000) refuse(key, value, "an integer from 1 to 3600000");
    options.busy_timeout = std::chrono::milliseconds(value.get<std::int64_t>());
  } else {
    throw Error(ErrorCode::invalid_config, "sqlite: cannot use backends.sqlite." + key +
                                               ": unknown key; allowed are path, synchronous, busy_timeout_ms");
  }
}

}  // namespace

Options parse_options(const std::string& json) {
  auto section = nlohmann::json::parse(json, nullptr, false);
  if (!section.is_object()) {
    throw Error(ErrorCode::invalid_config, "sqlite: cannot read backends.sqlite: not a JSON object");
  }
  Options options;
  options.path = path_of(options.path);
  for (const auto& [key, value] : section.items()) read(options, key, value);
  return options;
}

}  // namespace eventbus::sqlite
