// The section `backends.memory` of the configuration.
#pragma once

#include <cstdint>
#include <string>

namespace eventbus::memory {

struct Options {
  std::string broker = "default";
  std::uint64_t max_events = 1000000;
  bool history = true;
  bool inline_dispatch = false;
};

// Throws Error (invalid_config), naming the key.
Options parse_options(const std::string& json);

}  // namespace eventbus::memory
