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
    stats.parked = parked_.size() + lanes_.tokens();
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

IdempotencyStore& Core::idempotency_store() const {
  IdempotencyStore* store = backend_->idempotency_store();
  if (!store) refuse_unsupported(config_, "idempotency");
  return *store;
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
      if (!health.consuming) link_up_ = true;
      health.dead_letters = info.dead_letters;
      for (const auto& group : info.groups) {
        if (group.name != settings_.group) continue;
        health.lag = group.lag;
        health.pending = group.pending;
      }
    } catch (const Error& error) {
      if (error.code() == ErrorCode::unavailable || error.code() == ErrorCode::timed_out) link_up_ = false;
      worse(HealthStatus::red, error.what());
    }
  }
  health.connected = is_connected();
  {
    std::lock_guard lock(mutex_);
    if (!fatal_.empty()) worse(HealthStatus::red, "the reader died: " + fatal_);
    if (!trouble_.empty()) worse(HealthStatus::red, "connection lost: " + trouble_);
    if (parked_.size() + lanes_.tokens() >= config_.max_parked) {
      worse(HealthStatus::red, "max_parked is reached: receiving has stopped");
    }
    for (const auto& [position, held] : held_) {
      if (!held->hung || held->state != Held::State::running) continue;
      std::string handler = registry_.name_of(held->running_subscription);
      worse(HealthStatus::red, "a handler hangs: event '" + held->event->type + "' (" + held->event->id + ") at " +
                                   to_string(position) + " in " + (handler.empty() ? "a handler" : handler));
    }
    if (!settle_trouble_.empty()) {
      worse(HealthStatus::yellow, "deliveries can't be settled and are tried again: " + settle_trouble_);
    }
    if (consuming_) health.since_last_read = std::chrono::duration_cast<milliseconds>(now() - last_read_);
    if (consuming_ && registry_.empty()) worse(HealthStatus::yellow, "consuming with no subscription: nothing is read");
    if (!last_incident_.empty()) health.incidents.push_back("last trouble, over by now: " + last_incident_);
  }
  auto happened = [&](std::uint64_t times, std::string_view what) {
    if (times > 0) health.incidents.push_back(std::string(what) + " (" + std::to_string(times) + ")");
  };
  happened(counters_.reconnections.get(), "connections were restored after a loss");
  happened(counters_.groups_recreated.get(), "the group was gone and was made again");
  happened(counters_.lost.get(), "pending events were trimmed away");
  happened(counters_.trim_lost.get(), "events that a group still needed were trimmed");
  if (!gate_.is_open()) worse(HealthStatus::red, "not connected");
  if (health.dead_letters.value_or(0) > 0) {
    worse(HealthStatus::yellow, std::to_string(*health.dead_letters) + " dead letters wait to be looked at");
  }
  return health;
}

void Core::set_tracer(std::shared_ptr<Tracer> tracer) {
  std::lock_guard lock(hook_mutex_);
  traced_ = config_.enable_tracing && tracer != nullptr;
  tracer_ = std::move(tracer);
}

std::shared_ptr<Tracer> Core::tracer() const {
  if (!traced_.load(std::memory_order_relaxed)) return nullptr;
  std::lock_guard lock(hook_mutex_);
  return tracer_;
}

void Core::set_error_hook(ErrorHook hook) {
  std::lock_guard lock(hook_mutex_);
  hook_ = std::move(hook);
}

}  // namespace eventbus::host
