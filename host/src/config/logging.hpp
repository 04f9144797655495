// Where the bus, its engine and its backends log to.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <eventbus/backend.hpp>
#include <eventbus/config.hpp>

namespace eventbus::host {

// Threads: any. Writes to standard error, at the level that the configuration names.
class Logger {
 public:
  Logger(const std::string& name, const std::string& level);
  ~Logger();
  void log(LogLevel level, std::string_view message) noexcept;

 private:
  struct Sink;
  std::unique_ptr<Sink> sink_;
};

// Named after the bus' consumer.
std::shared_ptr<Logger> make_logger(const BusConfig& config);

}  // namespace eventbus::host
