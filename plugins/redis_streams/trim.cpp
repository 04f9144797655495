// Trimming: what no group needs any more, and beyond a hard limit also what one does.
#include "redis_backend.hpp"
#include "scripts.hpp"

namespace eventbus::redis_streams {
namespace {
constexpr int most_rounds = 1000;  // a call ends although others publish faster than it trims
constexpr milliseconds allowed_skew{1000};
}  // namespace

TrimReport RedisBackend::trim(const TrimOptions& options) {
  TrimReport report;
  std::vector<std::string> keys{settings_.stream};
  std::vector<std::string> arguments{std::to_string(options.max_length), std::to_string(options.max_age.count()),
                                     std::to_string(options.hard_max_length)};
  for (int round = 0; round < most_rounds; ++round) {
    Reply reply = run_script(scripts::trim, keys, arguments, "trim '" + settings_.stream + "'");
    report.trimmed += static_cast<std::uint64_t>(reply[0].integer());
    report.lost += static_cast<std::uint64_t>(reply[1].integer());
    milliseconds ahead(reply[3].integer());
    bool in_future = options.max_age.count() > 0 && ahead > allowed_skew;
    if (!in_future) {
      told_future_ids_ = false;
    } else if (!told_future_ids_.exchange(true)) {
      host_.log(
          LogLevel::warn,
          "redis-streams: cannot trim '" + settings_.stream + "' by age: its last id lies " +
              std::to_string(ahead.count() / 1000) +
              " s in the future of the server's clock, and new events get ids behind it; they stay until the "
              "clock has caught up and max_age_ms has passed; set trim.max_length, or move to a new stream_prefix");
    }
    if (reply[2].integer() == 0) break;
  }
  return report;
}

}  // namespace eventbus::redis_streams
