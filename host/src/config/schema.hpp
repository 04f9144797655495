// Validates a backend's own section against the schema that comes with the backend: a small subset of JSON Schema
// (type, enum, minimum, maximum, pattern, default, description, x-env, x-secret), flat properties only.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/values.hpp"

namespace eventbus::host {

// Returns the section with the environment (x-env) applied and the defaults filled in, as JSON text. Values of x-secret
// keys never appear in an error. The environment does not override `pinned` paths. Without a schema (empty) the section
// is the backend's own business. Throws Error: invalid_config, or plugin_rejected for a schema that can't be used.
std::string apply_schema(std::string_view schema_json, const Json& section, const Place& place,
                         const std::vector<std::string>& pinned = {});

}  // namespace eventbus::host
