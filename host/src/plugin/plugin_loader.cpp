#include "plugin/plugin_loader.hpp"

#include <unistd.h>

#define BOOST_DLL_USE_STD_FS
#include <dlfcn.h>

#include <eventbus/plugin_abi.h>
#include <algorithm>
#include <boost/dll/shared_library.hpp>
#include <cstdlib>
#include <eventbus/open_bus.hpp>
#include <map>
#include <mutex>
#include <sstream>

#include "plugin/elf_exports.hpp"
#include "plugin/plugin_backend.hpp"

namespace eventbus::host {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void reject(const fs::path& path, const std::string& why) {
  throw Error(ErrorCode::plugin_rejected, "plugin " + path.filename().string() + ": cannot load it: " + why);
}

fs::path canonical_path(const fs::path& path) {
  std::error_code failed;
  fs::path canonical = fs::canonical(path, failed);
  if (!failed) return canonical;
  throw Error(ErrorCode::not_found,
              "plugin " + path.string() + ": cannot load it: " + failed.message() + "; give the path of a plugin file");
}

// What can be told without running any of the file's code.
void check_exports(const fs::path& path) {
  std::vector<std::string> symbols;
  try {
    symbols = elf_exports(path);
  } catch (const std::exception& error) {
    reject(path, std::string(error.what()) + "; name a plugin built with eventbus_add_plugin");
  }
  static const std::string prefix = "eventbus_plugin_v";
  std::string majors;
  for (const std::string& symbol : symbols) {
    if (symbol == "eventbus_plugin_v1") return;
    if (symbol.starts_with(prefix)) majors += (majors.empty() ? "" : ", ") + symbol.substr(prefix.size());
  }
  if (majors.empty()) {
    reject(path,
           "it exports no eventbus_plugin_v1, so it is no eventbus plugin; end one source file with EVENTBUS_PLUGIN");
  }
  reject(path, "built for plugin ABI " + majors + ", this host loads ABI 1; rebuild it against eventbus 1.x");
}

const char* missing_function(const eb_functions& f) {
#define EVENTBUS_CHECK_SLOT(slot) \
  if (f.struct_size < offsetof(eb_functions, slot) + sizeof f.slot || !f.slot) return #slot
  EVENTBUS_CHECK_SLOT(create);
  EVENTBUS_CHECK_SLOT(destroy);
  EVENTBUS_CHECK_SLOT(open);
  EVENTBUS_CHECK_SLOT(close);
  EVENTBUS_CHECK_SLOT(append);
  EVENTBUS_CHECK_SLOT(redeliver);
  EVENTBUS_CHECK_SLOT(renew);
  EVENTBUS_CHECK_SLOT(settle);
  EVENTBUS_CHECK_SLOT(wake);
  EVENTBUS_CHECK_SLOT(capabilities);
  EVENTBUS_CHECK_SLOT(facet);
  EVENTBUS_CHECK_SLOT(receive);
  EVENTBUS_CHECK_SLOT(resume);
  EVENTBUS_CHECK_SLOT(claim);
#undef EVENTBUS_CHECK_SLOT
  return nullptr;
}

void check_descriptor(const fs::path& path, const eb_plugin* plugin) {
  constexpr std::size_t since_1_0 = offsetof(eb_plugin, functions) + sizeof(eb_plugin::functions);
  if (!plugin || plugin->struct_size < since_1_0) {
    reject(path, "its descriptor is missing or too short; rebuild it");
  }
  if (plugin->abi_major != EB_ABI_MAJOR) {
    reject(path, "built for plugin ABI " + std::to_string(plugin->abi_major) + ", this host loads ABI " +
                     std::to_string(EB_ABI_MAJOR) + "; rebuild it against eventbus 1.x");
  }
  if (plugin->min_host_minor > EB_ABI_MINOR) {
    reject(path, "it needs a host of plugin ABI 1." + std::to_string(plugin->min_host_minor) + ", this one has 1." +
                     std::to_string(EB_ABI_MINOR) + "; update the host");
  }
  if (!plugin->functions) reject(path, "its descriptor has no function table; rebuild it");
  if (const char* slot = missing_function(*plugin->functions)) {
    reject(path, std::string("its mandatory function '") + slot + "' is missing; implement it");
  }
}

std::string text_of(const char* text) { return text ? text : ""; }

// Guards loading, and what was loaded. Never destroyed: plugins stay, also at exit.
struct Loaded {
  std::mutex mutex;
  std::map<fs::path, std::shared_ptr<Plugin>> plugins;
  std::vector<std::unique_ptr<boost::dll::shared_library>> refused;  // their constructors ran: they stay as well
};
Loaded& loaded() {
  static auto& instance = *new Loaded;
  return instance;
}

std::shared_ptr<boost::dll::shared_library> load_library(const fs::path& path, bool unload) {
  auto library = std::make_unique<boost::dll::shared_library>();
  std::error_code failed;
  dlerror();
  library->load(path, failed, boost::dll::load_mode::rtld_now | boost::dll::load_mode::rtld_local);
  if (failed) {
    const char* truth = dlerror();  // Boost's own text misleads
    reject(path, truth ? truth : failed.message());
  }
  if (unload) return library;
  return {library.release(), [](boost::dll::shared_library* refused) { loaded().refused.emplace_back(refused); }};
}

class LoadedPlugin final : public Plugin, public std::enable_shared_from_this<LoadedPlugin> {
 public:
  LoadedPlugin(const fs::path& path, bool unload) : library_(load_library(path, unload)) {
    plugin_ = library_->get<const eb_plugin*()>("eventbus_plugin_v1")();
    check_descriptor(path, plugin_);
    description_ = {text_of(plugin_->name),
                    text_of(plugin_->version),
                    text_of(plugin_->vendor),
                    text_of(plugin_->description),
                    text_of(plugin_->license),
                    text_of(plugin_->build_info),
                    text_of(plugin_->config_schema_json),
                    static_cast<int>(plugin_->abi_major),
                    static_cast<int>(plugin_->abi_minor),
                    path};
  }
  const PluginDescription& description() const override { return description_; }
  std::unique_ptr<Backend> create(const BackendSettings& settings, BackendHost& host) override {
    return make_plugin_backend(shared_from_this(), description_.name, *plugin_->functions, settings, host);
  }

 private:
  std::shared_ptr<boost::dll::shared_library> library_;  // first, so released last
  const eb_plugin* plugin_ = nullptr;
  PluginDescription description_;
};

// Folders that the program named, and the lock that guards them.
struct AddedFolders {
  std::mutex mutex;
  std::vector<fs::path> folders;
};
AddedFolders& added_folders() {
  static auto& instance = *new AddedFolders;
  return instance;
}

}  // namespace

fs::path checked_plugin_file(const fs::path& path) {
  fs::path canonical = canonical_path(path);
  check_exports(canonical);
  return canonical;
}

std::shared_ptr<Plugin> Plugin::load(const fs::path& path, bool unload) {
  fs::path canonical = canonical_path(path);
  auto& [mutex, plugins, refused] = loaded();
  std::lock_guard lock(mutex);
  if (auto at = plugins.find(canonical); at != plugins.end() && !unload) return at->second;
  check_exports(canonical);
  auto plugin = std::make_shared<LoadedPlugin>(canonical, unload);
  if (!unload) plugins.emplace(canonical, plugin);
  return plugin;
}

std::vector<fs::path> plugin_folders(const std::vector<std::string>& dirs) {
  std::vector<fs::path> folders(dirs.begin(), dirs.end());
  if (const char* from_environment = std::getenv("EVENTBUS_PLUGIN_PATH")) {
    std::istringstream list(from_environment);
    for (std::string one; std::getline(list, one, ':');) {
      if (!one.empty()) folders.emplace_back(one);
    }
  }
  std::error_code failed;
  fs::path executable = fs::read_symlink("/proc/self/exe", failed).parent_path();
  if (!failed) {
    folders.push_back((executable / "../plugins").lexically_normal());
    folders.push_back((executable / EVENTBUS_PLUGINS_FROM_PROGRAMS).lexically_normal());
  }
  {
    auto& [mutex, added] = added_folders();
    std::lock_guard lock(mutex);
    folders.insert(folders.end(), added.begin(), added.end());
  }
  folders.emplace_back(EVENTBUS_INSTALLED_PLUGIN_DIR);
  return folders;
}

fs::path find_plugin(const std::string& name, const std::vector<std::string>& dirs) {
  if (name.find('/') != std::string::npos) return name;
  std::string file = "libeventbus_" + name + ".so";
  for (char& c : file) {
    if (c == '-') c = '_';
  }
  std::error_code failed;
  std::string tried;
  for (const fs::path& folder : plugin_folders(dirs)) {
    fs::path path = folder / file;
    if (fs::exists(path, failed)) return path;
    tried += "\n  " + path.string();
  }
  throw Error(ErrorCode::not_found, "backend '" + name + "': cannot find its plugin; tried:" + tried +
                                        "\ninstall it, set plugin_dirs or EVENTBUS_PLUGIN_PATH, or name its path");
}

}  // namespace eventbus::host

namespace eventbus {

void add_plugin_folder(const std::filesystem::path& folder) {
  auto& [mutex, folders] = host::added_folders();
  std::lock_guard lock(mutex);
  if (std::find(folders.begin(), folders.end(), folder) == folders.end()) folders.push_back(folder);
}

}  // namespace eventbus
