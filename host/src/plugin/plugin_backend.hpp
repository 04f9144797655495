// The host's half of the edge: a Backend over a plugin's C functions.
#pragma once

#include <eventbus/plugin_abi.h>
#include <eventbus/backend.hpp>
#include <memory>
#include <string>

namespace eventbus::host {

// `keep_loaded` is released last; `name` is for messages. Throws Error: what the plugin's create said, or
// plugin_rejected for a facet with a function missing.
std::unique_ptr<Backend> make_plugin_backend(std::shared_ptr<void> keep_loaded, const std::string& name,
                                             const eb_functions& functions, const BackendSettings& settings,
                                             BackendHost& host);

}  // namespace eventbus::host
