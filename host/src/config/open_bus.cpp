#include <eventbus/open_bus.hpp>

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <eventbus/error.hpp>
#include <eventbus/memory/memory_backend.hpp>
#include <random>

#include "config/capability.hpp"
#include "config/logging.hpp"
#include "config/open_driven.hpp"
#include "config/schema.hpp"
#include "config/suggest.hpp"
#include "engine/engine.hpp"
#include "plugin/plugin_loader.hpp"

namespace eventbus {
namespace {

struct Source {
  std::string schema;
  std::string section;  // its name under `backends`
  host::BackendFactory create;
};

std::string prefix_of(const BusConfig& config) {
  return (config.origin == "config" ? "config: " : "config " + config.origin + ": ");
}

// What a misspelt backend may have meant.
std::vector<std::string> backends_meant(const BusConfig& config) {
  std::vector<std::string> names = {"memory", "redis-streams", "sqlite"};
  for (const auto& [name, section] : config.backends) names.push_back(name);
  return names;
}

// The built-in backend, or a plugin.
Source find_backend(const BusConfig& config) {
  if (config.backend == "memory") {
    return {std::string(memory::config_schema()), "memory", [](const BackendSettings& settings, BackendHost& owner) {
              return std::make_unique<memory::MemoryBackend>(settings, owner);
            }};
  }
  std::shared_ptr<host::Plugin> plugin;
  try {
    plugin = host::Plugin::load(host::find_plugin(config.backend, config.plugin_dirs));
  } catch (const Error& error) {
    auto meant =
        error.code() == ErrorCode::not_found ? host::suggest(config.backend, backends_meant(config)) : std::nullopt;
    if (!meant || *meant == config.backend) throw;
    throw Error(error.code(), std::string(error.what()) + "; did you mean \"" + *meant + "\"?");
  }
  const auto& description = plugin->description();
  std::string section = config.backends.contains(config.backend) ? config.backend : description.name;
  return {description.config_schema, section,
          [plugin](const BackendSettings& settings, BackendHost& owner) { return plugin->create(settings, owner); }};
}

Source decorated(Source source, const host::BackendDecorator& decorate) {
  if (!decorate) return source;
  source.create = [create = std::move(source.create), decorate](const BackendSettings& settings, BackendHost& owner) {
    return decorate(create(settings, owner), settings, owner);
  };
  return source;
}

std::string default_consumer_name() {
  char host[256] = "host";
  gethostname(host, sizeof host - 1);
  std::random_device device;
  char digits[9];
  std::snprintf(digits, sizeof digits, "%08x", static_cast<unsigned>(device()));
  return std::string(host) + "-" + digits;
}

void check_required(const BusConfig& config, const Capabilities& has) {
  std::string lacks;
  for (const host::Capability& one : host::capabilities_by_name) {
    if (has.*one.field || std::find(config.require.begin(), config.require.end(), one.name) == config.require.end()) {
      continue;
    }
    lacks += (lacks.empty() ? "" : ", ") + std::string(one.without);
  }
  if (lacks.empty()) return;
  throw Error(ErrorCode::unsupported, prefix_of(config) + "require: backend '" + config.backend + "' " + lacks +
                                          "; choose a backend that does what `require` names, or drop it there");
}

// A section that nobody reads, while the chosen backend has none: most likely its name is misspelt.
void check_section_name(const BusConfig& config, const std::string& wanted) {
  if (config.backends.contains(wanted)) return;
  for (const auto& [name, section] : config.backends) {
    if (host::edit_distance(name, wanted) > std::max<std::size_t>(1, wanted.size() / 6)) continue;
    host::Place{config.origin, "backends." + name}.refuse("no backend of this name is in use; did you mean \"" +
                                                          wanted + "\"?");
  }
}

BackendSettings make_settings(const BusConfig& config, const Source& source) {
  BackendSettings settings;
  settings.stream_prefix = config.stream_prefix;
  settings.stream = config.stream_name();
  settings.dead_letter_stream = config.dead_letter_stream_name();
  settings.group = config.consumer_group;
  settings.consumer = config.consumer_name.value();
  settings.lease = config.pending_idle;
  settings.block = config.block;
  settings.dead_letter_max_length = config.dlq_max_length;
  check_section_name(config, source.section);
  auto section = config.backends.find(source.section);
  host::Json own = section == config.backends.end() ? host::Json::object() : host::Json::parse(section->second);
  settings.config_json =
      host::apply_schema(source.schema, own, host::Place{config.origin, "backends." + source.section}, config.pinned);
  return settings;
}

BusConfig completed(const BusConfig& config) {
  validate(config, config.origin);
  BusConfig complete = config;
  if (!complete.consumer_name) complete.consumer_name = default_consumer_name();
  return complete;
}

}  // namespace

std::unique_ptr<host::DrivenBus> host::open_driven_bus(const BusConfig& config, const Driver& driver,
                                                       const BackendDecorator& decorate) {
  BusConfig complete = completed(config);
  Source source = decorated(find_backend(complete), decorate);
  auto driven =
      make_driven_bus(complete, make_settings(complete, source), source.create, make_logger(complete), driver);
  check_required(complete, driven->bus().capabilities());
  return driven;
}

std::unique_ptr<EventBus> host::open_decorated_bus(const BusConfig& config, const BackendDecorator& decorate) {
  BusConfig complete = completed(config);
  Source source = decorated(find_backend(complete), decorate);
  auto bus = make_bus(complete, make_settings(complete, source), source.create, make_logger(complete));
  check_required(complete, bus->capabilities());
  return bus;
}

std::unique_ptr<EventBus> open_bus(const BusConfig& config) { return host::open_decorated_bus(config, {}); }

std::unique_ptr<EventBus> open_bus_from_json(std::string_view json) { return open_bus(parse_config(json)); }

std::unique_ptr<EventBus> open_bus_from_file(const std::filesystem::path& file) { return open_bus(load_config(file)); }

std::unique_ptr<EventBus> open_bus_from_environment() {
  const char* file = host::environment("EVENTBUS_CONFIG");
  return file ? open_bus_from_file(file) : open_bus_from_json("{}");
}

BackendAvailability backend_available(const std::string& name, const BusConfig& config) {
  try {
    BusConfig wanted = config;
    wanted.backend = name;
    find_backend(wanted);
    return {true, {}};
  } catch (const std::exception& error) {
    return {false, error.what()};
  }
}

}  // namespace eventbus
