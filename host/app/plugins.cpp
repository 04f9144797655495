// eventbus plugins: what is found where, and what one plugin tells about itself.
#include <algorithm>
#include <eventbus/plugins.hpp>
#include <iomanip>
#include <iostream>
#include <set>

#include "ndjson.hpp"
#include "plugin/plugin_loader.hpp"
#include "verbs.hpp"

namespace eventbus::app {
namespace {

Json facts(const PluginInspection& plugin) {
  Json out{{"path", plugin.path.string()}, {"loads", plugin.loads()}};
  if (!plugin.loads()) {
    out["refusal"] = plugin.refusal;
    return out;
  }
  out["name"] = plugin.name;
  out["version"] = plugin.version;
  out["vendor"] = plugin.vendor;
  out["description"] = plugin.description;
  out["license"] = plugin.license;
  out["build_info"] = plugin.build_info;
  out["abi"] = std::to_string(plugin.abi_major) + "." + std::to_string(plugin.abi_minor);
  const Json schema = Json::parse(plugin.config_schema, nullptr, false);
  if (!schema.is_discarded()) out["config_schema"] = schema;
  return out;
}

void print_line(const std::string& name, const std::string& value) {
  if (!value.empty()) std::cout << "  " << std::left << std::setw(13) << name << value << '\n';
}

void print_keys(const std::string& schema_text) {
  const Json schema = Json::parse(schema_text, nullptr, false);
  if (!schema.is_object() || !schema.contains("properties") || schema["properties"].empty()) return;
  std::cout << "\nKeys of its section:\n";
  for (const auto& [name, rule] : schema["properties"].items()) {
    std::cout << "  " << name << "  " << rule.value("type", "string");
    if (rule.contains("default")) std::cout << ", default " << rule["default"].dump();
    if (rule.contains("x-env")) std::cout << ", or " << rule["x-env"].get<std::string>();
    std::cout << '\n';
    if (rule.contains("description")) std::cout << "      " << rule["description"].get<std::string>() << '\n';
  }
}

}  // namespace

int plugin_info(const BusConfig& config, const std::string& name_or_path, bool json) {
  const PluginInspection plugin = inspect_plugin(host::find_plugin(name_or_path, config.plugin_dirs));
  if (json) {
    std::cout << facts(plugin).dump(2) << '\n';
    return plugin.loads() ? ok : failure;
  }
  if (!plugin.loads()) throw Error(ErrorCode::plugin_rejected, plugin.refusal);
  std::cout << plugin.name << ' ' << plugin.version << '\n';
  print_line("file", plugin.path.string());
  print_line("description", plugin.description);
  print_line("vendor", plugin.vendor);
  print_line("license", plugin.license);
  print_line("build", plugin.build_info);
  print_line("plugin ABI", std::to_string(plugin.abi_major) + "." + std::to_string(plugin.abi_minor));
  print_keys(plugin.config_schema);
  return ok;
}

int plugins(const BusConfig& config, bool json) {
  Json all = Json::array();
  std::set<std::string> seen;
  if (!json) std::cout << "memory  built in\n";
  for (const auto& file : find_plugins(config)) {
    const PluginInspection plugin = inspect_plugin(file);
    const bool used = seen.insert(file.filename().string()).second;
    if (json) {
      all.push_back(facts(plugin));
      all.back()["used"] = used;
      continue;
    }
    if (plugin.loads()) {
      std::cout << plugin.name << ' ' << plugin.version << "  " << plugin.path.string();
    } else {
      std::cout << file.string() << "  " << plugin.refusal;
    }
    std::cout << (used ? "\n" : "  (not used: an earlier folder has a file of this name)\n");
  }
  Json folders = Json::array();
  for (const auto& folder : plugin_folders(config)) folders.push_back(folder.string());
  if (json) {
    std::cout << Json{{"plugins", all}, {"folders", folders}}.dump(2) << '\n';
    return ok;
  }
  std::cout << "\nLooked in, in this order:\n";
  for (const auto& folder : folders) std::cout << "  " << folder.get<std::string>() << '\n';
  return ok;
}

}  // namespace eventbus::app
