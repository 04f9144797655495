#include "config/logging.hpp"

#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_color_sinks.h>

namespace eventbus::host {

// A logger object of our own: spdlog's registry is shared by the whole process, plugins included.
struct Logger::Sink {
  spdlog::logger logger;
};

Logger::Logger(const std::string& name, const std::string& level)
    : sink_(new Sink{spdlog::logger(name, std::make_shared<spdlog::sinks::stderr_color_sink_mt>())}) {
  sink_->logger.set_level(spdlog::level::from_str(level));
  sink_->logger.set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %^%l%$ %n: %v", spdlog::pattern_time_type::utc);
}

Logger::~Logger() = default;

void Logger::log(LogLevel level, std::string_view message) noexcept {
  static constexpr spdlog::level::level_enum levels[] = {spdlog::level::trace, spdlog::level::debug,
                                                         spdlog::level::info, spdlog::level::warn, spdlog::level::err};
  auto index = static_cast<std::size_t>(level);
  try {
    sink_->logger.log(levels[index < 5 ? index : 4], spdlog::string_view_t(message.data(), message.size()));
  } catch (...) {  // a full disk or a closed stream must not end the bus
  }
}

std::shared_ptr<Logger> make_logger(const BusConfig& config) {
  return std::make_shared<Logger>(config.consumer_name.value_or("eventbus"), config.log_level);
}

}  // namespace eventbus::host
