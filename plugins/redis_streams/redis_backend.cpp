#include "redis_backend.hpp"

#include <nlohmann/json.hpp>
#include <random>

#include "scripts.hpp"

namespace eventbus::redis_streams {
namespace {

nlohmann::json section_of(const BackendSettings& settings) { return nlohmann::json::parse(settings.config_json); }

Url url_of(const BackendSettings& settings) {
  Url url = parse_url(section_of(settings).value("redis_url", "redis://localhost:6379"));
  if (url.tls) {
    throw Error(
        ErrorCode::invalid_config,
        "redis-streams: cannot connect to " + url.address() +
            " with TLS: this plugin was built without it (it needs hiredis 1.x with hiredis_ssl); use redis://");
  }
  return url;
}

milliseconds timeout_of(const BackendSettings& settings, const char* key) {
  return milliseconds(section_of(settings).value(key, std::int64_t{5000}));
}

std::string connection_name(const BackendSettings& settings, const char* use) {
  return "eventbus:" + settings.group + ":" + settings.consumer + ":" + use;
}

}  // namespace

RedisBackend::RedisBackend(const BackendSettings& settings, BackendHost& host)
    : settings_(settings),
      format_(parse_wire_format(section_of(settings).value("wire_format", "eventbus"))),
      host_(host),
      command_(url_of(settings), timeout_of(settings, "socket_connect_timeout_ms"),
               timeout_of(settings, "socket_timeout_ms"), connection_name(settings, "command")),
      encoder_(format_),
      reader_{{url_of(settings), timeout_of(settings, "socket_connect_timeout_ms"),
               timeout_of(settings, "socket_timeout_ms"), connection_name(settings, "read")}},
      watcher_{{url_of(settings), timeout_of(settings, "socket_connect_timeout_ms"),
                timeout_of(settings, "socket_timeout_ms"), connection_name(settings, "watch")}} {
  address_ = command_.url().address();
  std::random_device device;
  nonce_ = std::to_string((std::uint64_t{device()} << 32) | device());
}

RedisBackend::~RedisBackend() { close(); }

void RedisBackend::ensure_command_connection() {
  if (command_.is_usable()) return;
  command_.connect();
  script_ids_.clear();
  if (std::exchange(command_was_connected_, true)) host_.signal(BackendSignal::reconnected, 1);
  if (!has_name_) return;
  try {
    keep_name_locked();  // at once: the name's value shows a connection that is gone
  } catch (const Error& error) {
    if (!command_.is_connected()) throw;
    host_.log(LogLevel::debug, error.what());  // the next renewal tells
  }
}

Reply RedisBackend::command(const Request& request, const std::string& doing) {
  std::lock_guard lock(command_mutex_);
  ensure_command_connection();
  return command_.call(request, doing);
}

Reply RedisBackend::run_script(const char* script, std::span<const std::string> keys,
                               std::span<const std::string> arguments, const std::string& doing) {
  std::lock_guard lock(command_mutex_);
  ensure_command_connection();
  return run_script_locked(script, keys, arguments, doing);
}

Reply RedisBackend::run_script_locked(const char* script, std::span<const std::string> keys,
                                      std::span<const std::string> arguments, const std::string& doing) {
  for (bool again = false;; again = true) {
    std::string& id = script_ids_[script];
    if (id.empty()) id = command_.call(make_request("SCRIPT", "LOAD", script), doing).text();
    Request request;
    request.command(3 + keys.size() + arguments.size()) << "EVALSHA" << id << static_cast<std::int64_t>(keys.size());
    for (const std::string& key : keys) request << key;
    for (const std::string& argument : arguments) request << argument;
    command_.send(request);
    Reply reply = command_.read();
    if (!reply.is_error()) return reply;
    if (!reply.text().starts_with("NOSCRIPT") || again) throw error_from(reply.text(), doing, address());
    id.clear();  // the server restarted or flushed its scripts
  }
}

void RedisBackend::open(Role role, const StartFrom& start) {
  {
    std::lock_guard lock(command_mutex_);
    ensure_command_connection();
  }
  command(make_request("PING"), "reach the server");
  if (role != Role::consumer) {
    // The kind of the key shows now what would fail at the first publish.
    std::string type(command(make_request("TYPE", settings_.stream), "look at " + settings_.stream).text());
    if (type != "none" && type != "stream") {
      throw error_from("WRONGTYPE it holds a " + type, "use '" + settings_.stream + "'", address());
    }
    return;
  }
  take_name();
  check_server();
  ensure_group(start);
  tidy();
  reader_.restore(host_);
}

// Once: what in the server's settings loses events. A user who may not ask is not told.
void RedisBackend::check_server() {
  if (std::exchange(server_checked_, true)) return;
  auto setting = [&](const char* name) -> std::optional<std::string> {
    try {
      Reply reply = command(make_request("CONFIG", "GET", name), "look at the server's settings");
      if (reply.size() == 2) return std::string(reply[1].text());
    } catch (const Error& error) {
      if (error.code() == ErrorCode::unavailable || error.code() == ErrorCode::timed_out) throw;
    }
    return std::nullopt;
  };
  if (auto policy = setting("maxmemory-policy"); policy && *policy != "noeviction") {
    host_.log(LogLevel::warn,
              "redis-streams: " + address() + " has maxmemory-policy " + *policy +
                  ": when memory is full it removes keys, streams with all their events or the locks of "
                  "consumer names; set it to noeviction");
  }
  if (setting("appendonly") == "no" && setting("save") == "") {
    host_.log(LogLevel::info,
              "redis-streams: " + address() + " keeps nothing on disk: a restart loses all events; set appendonly yes");
  }
}

void RedisBackend::close() noexcept {
  try {
    if (has_name_ && command_.is_connected()) {
      std::vector<std::string> keys{name_key(settings_.consumer), settings_.stream};
      std::vector<std::string> arguments{":" + nonce_, settings_.group, settings_.consumer};
      run_script(scripts::leave, keys, arguments, "give the consumer name back");
    }
  } catch (const Error& error) {
    host_.log(LogLevel::debug, error.what());  // the name's lease ends by itself
  }
  has_name_ = false;
  group_seen_ = command_was_connected_ = false;
  reader_.forget();
  watcher_.forget();
  std::lock_guard lock(command_mutex_);
  command_.disconnect();
}

Capabilities RedisBackend::capabilities() const {
  Capabilities has;
  has.durable = has.cross_process = has.competing_consumers = has.ordered = true;
  has.max_payload_bytes = 512ull * 1024 * 1024;
  return has;
}

}  // namespace eventbus::redis_streams
