// Looks at plugins without running any of their code in this process.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <eventbus/config.hpp>

namespace eventbus {

// What a plugin's file tells about itself; `refusal` is what open_bus would throw for it, empty if nothing.
struct PluginInspection {
  std::filesystem::path path;
  std::string refusal;
  std::string name, version, vendor, description, license, build_info;
  std::string config_schema;  // of the backend's own section, JSON
  int abi_major = 0;
  int abi_minor = 0;

  bool loads() const noexcept { return refusal.empty(); }
};

// What the file exports is read as it lies there. Its descriptor comes from a function, so that is called in a child
// process (fork), and a plugin that crashes there, or hangs for 10 s, is refused for it. Never throws for a plugin.
PluginInspection inspect_plugin(const std::filesystem::path& file);

// The folders in which open_bus looks for plugins, in that order; not all of them need exist.
std::vector<std::filesystem::path> plugin_folders(const BusConfig& config = {});

// The plugins' files in these folders, in that order. Of files of one name the first is the one that is used.
std::vector<std::filesystem::path> find_plugins(const BusConfig& config = {});

}  // namespace eventbus
