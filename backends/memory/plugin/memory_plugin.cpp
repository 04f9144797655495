// The memory backend behind the plugin edge: lets the tests exercise the edge with no server.
#include <eventbus/memory/memory_backend.hpp>
#include <eventbus/plugin.hpp>

EVENTBUS_PLUGIN(eventbus::memory::MemoryBackend, {.name = "memory-plugin",
                                                  .version = "0.1.0",
                                                  .vendor = "eventbus",
                                                  .description = "the in-memory backend behind the plugin edge",
                                                  .license = "Apache-2.0",
                                                  .config_schema = eventbus::memory::config_schema_text})
