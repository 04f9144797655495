#include <eventbus/plugin.hpp>

#include "redis_backend.hpp"

namespace {
constexpr char schema[] = R"({
  "type": "object",
  "properties": {
    "redis_url": {"type": "string", "default": "redis://localhost:6379", "x-env": "EVENTBUS_REDIS_URL", "x-secret": true,
                  "description": "redis://[user:password@]host[:port][/database] or unix:///path[?db=N]"},
    "socket_timeout_ms": {"type": "integer", "minimum": 1, "maximum": 3600000, "default": 5000,
                          "description": "for the answer to a command; a blocking read may take block_ms longer"},
    "socket_connect_timeout_ms": {"type": "integer", "minimum": 1, "maximum": 3600000, "default": 5000,
                                  "description": "for connecting"},
    "wire_format": {"type": "string", "enum": ["eventbus", "eventsource-py"], "default": "eventbus",
                    "description": "how entries are written"}
  }
})";
}  // namespace

EVENTBUS_PLUGIN(eventbus::redis_streams::RedisBackend, {.name = "redis-streams",
                                                        .version = "0.1.0",
                                                        .vendor = "eventbus",
                                                        .description = "Redis Streams over hiredis",
                                                        .license = "Apache-2.0",
                                                        .config_schema = schema})
