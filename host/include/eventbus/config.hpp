// The configuration of a bus, as a struct. Every field has the key of the same name in the JSON form
// (docs/configuration.md).
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <eventbus/position.hpp>

namespace eventbus {

enum class OnUnhandled { ack, dead_letter, release };
enum class OnRetry { block_key, skip };

struct BusConfig {
  std::string backend = "memory";          // "memory", a plugin's name, or a path (with a slash) to a plugin
  std::vector<std::string> plugin_dirs{};  // searched first; relative to the config file, or to the working directory

  std::string stream_prefix = "events";
  std::string consumer_group = "default";
  std::optional<std::string> consumer_name{};  // default: <hostname>-<8 hex digits>, drawn when the bus is opened
  StartFrom start_from{};

  bool read_only = false;  // to look on: creates nothing, and refuses (unsupported) to publish, to consume, to change
  std::uint32_t batch_size = 100;
  std::chrono::milliseconds block{5000};  // "block_ms"
  std::uint32_t max_in_flight = 1000;
  std::uint32_t max_parked = 100000;
  std::uint32_t concurrency = 1;
  OnUnhandled on_unhandled = OnUnhandled::ack;
  OnRetry on_retry = OnRetry::block_key;
  std::chrono::milliseconds max_handling{0};  // "max_handling_ms"; 0: off

  struct Retry {
    std::chrono::milliseconds initial{1000};  // "initial_ms"
    std::chrono::milliseconds max{60000};     // "max_ms"
    double multiplier = 2.0;
    double jitter = 0.1;
  };
  std::uint32_t max_retries = 3;
  Retry retry{};

  bool enable_dlq = true;
  std::string dlq_stream_suffix = "_dlq";
  std::uint64_t dlq_max_length = 0;  // 0: unlimited

  std::chrono::milliseconds pending_idle{60000};       // "pending_idle_ms": the lease
  std::chrono::milliseconds recovery_interval{30000};  // "recovery_interval_ms"
  std::chrono::milliseconds connect_retry{0};          // "connect_retry_ms"
  std::chrono::milliseconds shutdown_timeout{30000};   // "shutdown_timeout_ms"

  std::uint64_t max_payload_bytes = 1048576;
  std::uint32_t max_background = 1000;

  struct Trim {
    std::uint64_t max_length = 0;
    std::chrono::milliseconds max_age{0};  // "max_age_ms"
    std::uint64_t hard_max_length = 0;
  };
  Trim trim{};

  bool enable_tracing = true;
  std::string log_level = "info";      // "log": {"level": ...}: trace, debug, info, warn, error, off
  std::vector<std::string> require{};  // names of Capabilities that the backend must have

  std::map<std::string, std::string> backends{};  // the backends' own sections, by name, as JSON text
  std::vector<std::string> pinned{};  // dotted paths below `backends` that the environment does not override
  std::string origin = "config";      // names this configuration in errors: the file's name

  std::string stream_name() const { return stream_prefix + ":stream"; }
  std::string dead_letter_stream_name() const { return stream_name() + dlq_stream_suffix; }
};

// Reads and validates JSON text: comments are allowed, `${NAME}` and `${NAME:-default}` in string values are replaced
// from the environment, and EVENTBUS_* variables override (docs/configuration.md). `overrides` are pairs of a dotted
// path and a value, applied last ("backends.redis-streams.redis_url", "redis://..."); a value is JSON where it parses
// as such, else a string. `origin` names the text in errors. Throws Error (invalid_config) that names the key, what was
// found, what is allowed, and a likely meant key. The chosen backend's own section is validated by open_bus, since its
// schema comes with the backend.
using ConfigOverrides = std::vector<std::pair<std::string, std::string>>;
BusConfig parse_config(std::string_view json, const std::string& origin = "config",
                       const ConfigOverrides& overrides = {});

// The same from a file; relative plugin_dirs are resolved against its directory.
BusConfig load_config(const std::filesystem::path& file, const ConfigOverrides& overrides = {});

// Checks ranges and contradictions; parse_config and open_bus call it.
void validate(const BusConfig& config, const std::string& origin = "config");

}  // namespace eventbus
