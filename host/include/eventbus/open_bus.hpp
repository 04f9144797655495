// Opens a bus over the backend that the configuration names.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include <eventbus/config.hpp>
#include <eventbus/event_bus.hpp>

namespace eventbus {

// Validates, loads the backend (a plugin is found and checked first), validates the backend's own section against its
// schema, checks `require`. Does no network I/O: the bus is not connected yet; handlers may be subscribed. Throws
// Error: invalid_config, not_found (no such plugin; lists every path tried), plugin_rejected, unsupported (`require`).
std::unique_ptr<EventBus> open_bus(const BusConfig& config);

// From JSON text, see parse_config.
std::unique_ptr<EventBus> open_bus_from_json(std::string_view json);

// From a file, see load_config.
std::unique_ptr<EventBus> open_bus_from_file(const std::filesystem::path& file);

// From the file that EVENTBUS_CONFIG names, or with the defaults where it is not set.
std::unique_ptr<EventBus> open_bus_from_environment();

// Whether open_bus could load this backend here; if not, `reason` says why, as open_bus would.
struct BackendAvailability {
  bool available = false;
  std::string reason;
  explicit operator bool() const noexcept { return available; }
};
BackendAvailability backend_available(const std::string& name, const BusConfig& config = {});

// Names one more folder to look for plugins in, after plugin_dirs, EVENTBUS_PLUGIN_PATH and the folders next to the
// executable. Threads: any.
void add_plugin_folder(const std::filesystem::path& folder);

#ifdef EVENTBUS_PLUGIN_DIR
// Set for programs that use the installed package: they find its plugins, wherever it and they lie.
inline const bool package_plugins_added = (add_plugin_folder(EVENTBUS_PLUGIN_DIR), true);
#endif

}  // namespace eventbus
