// What the bus tells about itself.
#include <algorithm>

#include "engine/core.hpp"

namespace eventbus::host {
namespace {
[[noreturn]] void refuse_unsupported(const BusConfig& config, const std::string& feature) {
  throw Error(ErrorCode::unsupported,
              "backend '" + config.backend + "': cannot do this: it offers no " + feature + "; see capabilities()");
}
}  // namespace

Stats Core::stats() const {
  Stats stats = counters_.snapshot();
  {
    std::lock_guard lock(mutex_);
    stats.in_flight = static_cast<std::uint64_t>(std::count_if(
        held_.begin(), held_.end(), [](const auto& item) { return item.second->account != Account::counted; }));
    stats.parked = parked_.size();
  }
  auto& self = const_cast<Core&>(*this);
  std::lock_guard lock(self.background_mutex_);
  stats.background_pending = background_.size();
  return stats;
}

Capabilities Core::capabilities() const { return capabilities_; }

StreamInfo Core::stream_info() const {
  Gate::Pass pass(const_cast<Gate&>(gate_));
  if (!pass) refuse_closed("stream_info");
  Inspection* inspection = backend_->inspection();
  if (!inspection) refuse_unsupported(config_, "inspection");
  StreamInfo info = inspection->stream_info();
  info.stream = settings_.stream;
  info.dead_letter_stream = settings_.dead_letter_stream;
  return info;
}

// The caller holds a Pass on gate().
DeadLetterStore& Core::dead_letter_store() const {
  DeadLetterStore* store = backend_->dead_letter_store();
  if (!store) refuse_unsupported(config_, "dead letters");
  return *store;
}

History& Core::history() const {
  History* history = backend_->history();
  if (!history) refuse_unsupported(config_, "history");
  return *history;
}

Health Core::health() const {
  Health health;
  auto worse = [&](HealthStatus status, std::string problem) {
    health.status = std::max(health.status, status);
    health.problems.push_back(std::move(problem));
  };
  health.consuming = is_consuming();
  if (gate_.is_open() && capabilities_.inspection) {
    try {
      StreamInfo info = stream_info();
      health.dead_letters = info.dead_letters;
      for (const auto& group : info.groups) {
        if (group.name != settings_.group) continue;
        health.lag = group.lag;
        health.pending = group.pending;
      }
    } catch (const Error& error) {
      worse(HealthStatus::red, error.what());
    }
  }
  health.connected = is_connected();
  {
    std::lock_guard lock(mutex_);
    if (!fatal_.empty()) worse(HealthStatus::red, "the reader died: " + fatal_);
    if (!trouble_.empty()) worse(HealthStatus::red, "connection lost: " + trouble_);
    if (parked_.size() >= config_.max_parked) worse(HealthStatus::red, "max_parked is reached: receiving has stopped");
    if (consuming_) health.since_last_read = std::chrono::duration_cast<milliseconds>(now() - last_read_);
    if (consuming_ && registry_.empty()) worse(HealthStatus::yellow, "consuming with no subscription: nothing is read");
  }
  if (!gate_.is_open()) worse(HealthStatus::red, "not connected");
  if (health.dead_letters.value_or(0) > 0) {
    worse(HealthStatus::yellow, std::to_string(*health.dead_letters) + " dead letters wait to be looked at");
  }
  return health;
}

void Core::set_error_hook(ErrorHook hook) {
  std::lock_guard lock(hook_mutex_);
  hook_ = std::move(hook);
}

}  // namespace eventbus::host
