// The `eventbus` command: reads the command line and calls a verb.
#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <eventbus/base64.hpp>
#include <eventbus/error.hpp>
#include <iostream>

#include "config/suggest.hpp"
#include "ndjson.hpp"
#include "verbs.hpp"

namespace eventbus::app {
namespace {

// The flags of `publish` that describe one event.
struct EventFlags {
  Event event;
  std::string occurred_at, data, data_base64;
  std::vector<std::string> headers;
  CLI::Option* type = nullptr;

  void add_to(CLI::App& verb) {
    type = verb.add_option("--type", event.type, "publish one event of this type")->check([](const std::string& text) {
      return text.empty() ? std::string("is empty; every event needs a type") : std::string();
    });
    auto add = [&](const char* name, auto& value, const char* help) {
      return verb.add_option(name, value, help)->needs(type);
    };
    add("--id", event.id, "default: a new UUIDv7");
    add("--aggregate-id", event.aggregate_id, "the ordering key");
    add("--aggregate-type", event.aggregate_type, "");
    add("--aggregate-version", event.aggregate_version, "");
    add("--occurred-at", occurred_at, "UTC, 2026-11-23T00:00:00Z (default: now)");
    add("--header", headers, "name=value; may be repeated")->allow_extra_args(false);
    auto* json = add("--data", data, "the payload, JSON");
    add("--data-base64", data_base64, "the payload, any bytes in base64")->excludes(json);
  }

  std::optional<Event> read() {
    if (type->count() == 0) return std::nullopt;
    if (!occurred_at.empty()) event.occurred_at = time_from(occurred_at, "--occurred-at");
    if (!data.empty()) {
      if (!is_json(data)) {
        throw Error(ErrorCode::invalid_argument,
                    "--data: found '" + data + "'; allowed is JSON (text needs its quotes)");
      }
      event.payload = data;
    } else if (!data_base64.empty()) {
      auto bytes = base64_decode(data_base64);
      if (!bytes) throw Error(ErrorCode::invalid_argument, "--data-base64: is no base64 text (RFC 4648)");
      event.payload = std::move(*bytes);
    }
    for (const std::string& header : headers) {
      std::size_t equals = header.find('=');
      if (equals == std::string::npos) {
        throw Error(ErrorCode::invalid_argument, "--header: found '" + header + "'; allowed is name=value");
      }
      event.headers.set(header.substr(0, equals), header.substr(equals + 1));
    }
    return event;
  }
};

ConfigOverrides overrides_from(const std::vector<std::string>& settings) {
  ConfigOverrides overrides;
  for (const std::string& setting : settings) {
    std::size_t equals = setting.find('=');
    if (equals == std::string::npos || equals == 0) {
      throw Error(ErrorCode::invalid_argument, "--set: found '" + setting + "'; allowed is key=value");
    }
    overrides.emplace_back(setting.substr(0, equals), setting.substr(equals + 1));
  }
  return overrides;
}

std::string unknown_verb(const CLI::App& app, const std::string& found) {
  std::vector<std::string> verbs;
  std::string list;
  for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; })) {
    verbs.push_back(verb->get_name());
    list += (list.empty() ? "" : ", ") + verb->get_name();
  }
  auto meant = host::suggest(found, verbs);
  return "unknown verb '" + found + "'; " + (meant ? "did you mean '" + *meant + "'?" : "allowed are " + list);
}

int run(int argc, char** argv) {
  CLI::App app(
      "Publishes, consumes and inspects events, on whatever backend the configuration names.\n"
      "Exit codes: 0 done; 1 something failed; 2 the call or the configuration is wrong.\n"
      "Errors are on standard error.",
      "eventbus");
  app.require_subcommand(1);
  std::string config_file, group;
  std::vector<std::string> settings;
  bool json = false;
  auto add_verb = [&](const char* name, const char* help) {
    CLI::App* verb = app.add_subcommand(name, help);
    verb->add_option("--config", config_file, "the configuration file (default: EVENTBUS_CONFIG)");
    verb->add_option("--set", settings, "key=value, a dotted path into the configuration; may be repeated")
        ->allow_extra_args(false);
    return verb;
  };
  auto add_json = [&](CLI::App* verb) { verb->add_flag("--json", json, "print facts as JSON"); };

  CLI::App* check_verb = add_verb("check", "validate the configuration, connect, say what the backend guarantees");
  add_json(check_verb);

  CLI::App* publish_verb = add_verb("publish", "publish one event from flags, or NDJSON from a file or standard input");
  add_json(publish_verb);
  PublishOptions publishing;
  EventFlags flags;
  flags.add_to(*publish_verb);
  publish_verb->add_option("--file", publishing.file, "NDJSON, an event a line (default: standard input)")
      ->excludes(flags.type);

  CLI::App* consume_verb = add_verb("consume", "print events as NDJSON, each acknowledged once it is printed");
  consume_verb->add_flag("--json", json, "accepted: what is printed is always JSON");
  ConsumeOptions consuming;
  consume_verb->add_option("--count", consuming.count, "end after so many events");
  consume_verb->add_option("--idle-exit", consuming.idle_exit_ms, "end when nothing came for so many milliseconds");
  consume_verb->add_option("--group", group, "the consumer group (default: the configured one)");

  CLI::App* info_verb = add_verb("info", "the stream, its groups, dead letters, statistics and health");
  add_json(info_verb);

  CLI::App* plugins_verb = add_verb("plugins", "list what plugins are found where; read without running them here");
  add_json(plugins_verb);
  std::string named_plugin;
  CLI::App* plugin_info_verb = plugins_verb->add_subcommand("info", "what one plugin tells about itself");
  plugin_info_verb->add_option("plugin", named_plugin, "a backend's name, or the path of its file (with a slash)")
      ->required();
  add_json(plugin_info_verb);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);
    if (app.get_subcommands().empty() && argc > 1 && argv[1][0] != '-') {
      std::cerr << "eventbus: " << unknown_verb(app, argv[1]) << '\n';
      return usage;
    }
    std::cerr << "eventbus: " << error.what() << "; see eventbus --help\n";
    return usage;
  }
  ConfigOverrides overrides = overrides_from(settings);
  if (!group.empty()) overrides.emplace_back("consumer_group", group);
  if (const char* named = std::getenv("EVENTBUS_CONFIG"); config_file.empty() && named) config_file = named;
  BusConfig config =
      config_file.empty() ? parse_config("{}", "config", overrides) : load_config(config_file, overrides);
  if (check_verb->parsed()) return check(config, config_file.empty() ? "the default configuration" : config_file, json);
  if (consume_verb->parsed()) return consume(config, consuming);
  if (info_verb->parsed()) return info(config, json);
  if (plugin_info_verb->parsed()) return plugin_info(config, named_plugin, json);
  if (plugins_verb->parsed()) return plugins(config, json);
  publishing.event = flags.read();
  return publish(config, publishing, json);
}

// A standard stream that was closed must not become a connection's descriptor; writing to this one fails.
void reserve_standard_streams() {
  for (int fd = 0; fd <= STDERR_FILENO; ++fd) {
    if (::fcntl(fd, F_GETFD) < 0 && ::open("/dev/null", O_RDONLY) < 0) std::exit(failure);
  }
}

}  // namespace
}  // namespace eventbus::app

int main(int argc, char** argv) {
  using namespace eventbus::app;
  reserve_standard_streams();
  try {
    int code = run(argc, argv);
    if (std::cout.flush()) return code;
    std::cerr << "eventbus: cannot write to standard output\n";
    return failure;
  } catch (const eventbus::Error& error) {
    std::cerr << "eventbus: " << error.what() << '\n';
    bool mistake =
        error.code() == eventbus::ErrorCode::invalid_config || error.code() == eventbus::ErrorCode::invalid_argument;
    return mistake ? usage : failure;
  } catch (const std::exception& error) {
    std::cerr << "eventbus: " << error.what() << '\n';
    return failure;
  }
}
