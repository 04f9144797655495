// The section `backends.sqlite` of the configuration.
#pragma once

#include <chrono>
#include <string>

namespace eventbus::sqlite {

struct Options {
  std::string path = "eventbus.db";    // absolute once it is parsed
  std::string synchronous = "normal";  // off, normal, full
  std::chrono::milliseconds busy_timeout{5000};
};

// Throws Error (invalid_config) for a section that the schema does not allow.
Options parse_options(const std::string& json);

}  // namespace eventbus::sqlite
