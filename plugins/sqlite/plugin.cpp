#include <eventbus/plugin.hpp>

#include "sqlite_backend.hpp"

namespace {
constexpr char schema[] = R"({
  "type": "object",
  "properties": {
    "path": {"type": "string", "default": "eventbus.db", "pattern": "^[^:].*$", "x-env": "EVENTBUS_SQLITE_PATH",
             "description": "the database file, on a local disk; made if it is absent; its folder must exist"},
    "synchronous": {"type": "string", "enum": ["off", "normal", "full"], "default": "normal",
                    "description": "what a power loss may take: off, the file; normal, the last moments; full, nothing"},
    "busy_timeout_ms": {"type": "integer", "minimum": 1, "maximum": 3600000, "default": 5000,
                        "description": "how long a call waits while another process writes"}
  }
})";
}  // namespace

EVENTBUS_PLUGIN(eventbus::sqlite::SqliteBackend,
                {.name = "sqlite",
                 .version = "0.1.0",
                 .vendor = "eventbus",
                 .description = "one SQLite file, shared by the processes of a machine",
                 .license = "Apache-2.0",
                 .config_schema = schema})
