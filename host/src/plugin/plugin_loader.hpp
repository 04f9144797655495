// Finds, checks and loads plugins.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <eventbus/backend.hpp>

namespace eventbus::host {

struct PluginDescription {
  std::string name, version, vendor, description, license, build_info, config_schema;
  int abi_major = 0;
  int abi_minor = 0;
  std::filesystem::path path;
};

// A loaded plugin. Threads: any. Lifetime: the backends that it creates keep it loaded.
class Plugin {
 public:
  virtual ~Plugin() = default;

  // Checks the file's exports before any code of it runs, then its descriptor before anything is created. The same file
  // is loaded once, and stays loaded for the process' life unless `unload`. Throws Error (plugin_rejected, not_found).
  static std::shared_ptr<Plugin> load(const std::filesystem::path& path, bool unload = false);

  virtual const PluginDescription& description() const = 0;
  virtual std::unique_ptr<Backend> create(const BackendSettings& settings, BackendHost& host) = 0;
};

// The file's canonical path, after all checks that need none of its code. Throws Error (plugin_rejected, not_found).
std::filesystem::path checked_plugin_file(const std::filesystem::path& path);

// Where plugins are looked for, in this order: `dirs`, EVENTBUS_PLUGIN_PATH, the folders next to the executable, what
// add_plugin_folder named, the installed one.
std::vector<std::filesystem::path> plugin_folders(const std::vector<std::string>& dirs);

// Where the plugin of this name is: the first of these folders that holds the file. A name with a slash is a path.
// Throws Error (not_found) that lists what was tried.
std::filesystem::path find_plugin(const std::string& name, const std::vector<std::string>& dirs);

}  // namespace eventbus::host
