// What the verbs of the `eventbus` command do. Each returns the exit code, and throws Error for what it can't do.
#pragma once

#include <cstdint>
#include <eventbus/config.hpp>
#include <eventbus/event.hpp>
#include <optional>
#include <string>

namespace eventbus::app {

enum ExitCode { ok = 0, failure = 1, usage = 2 };

struct PublishOptions {
  std::optional<Event> event;  // this one; else NDJSON from `file`
  std::string file;            // empty or "-": standard input
};

struct ConsumeOptions {
  std::uint64_t count = 0;         // 0: no end
  std::int64_t idle_exit_ms = -1;  // below 0: never
};

int check(const BusConfig& config, const std::string& origin, bool json);
int publish(const BusConfig& config, const PublishOptions& options, bool json);
int consume(const BusConfig& config, const ConsumeOptions& options);
int info(const BusConfig& config, bool json);
int plugins(const BusConfig& config, bool json);
int plugin_info(const BusConfig& config, const std::string& name_or_path, bool json);

}  // namespace eventbus::app
