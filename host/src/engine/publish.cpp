// Publishing: check, stamp, append.
#include <algorithm>

#include "engine/check_event.hpp"
#include "engine/core.hpp"
#include "engine/event_id_text.hpp"
#include "engine/tracing.hpp"

namespace eventbus::host {

void Core::refuse_closed(std::string_view what) const {
  throw Error(ErrorCode::closed, std::string(what) + ": cannot use stream '" + settings_.stream +
                                     "': the bus is not connected; call connect() first");
}

void Core::refuse_if_read_only(std::string_view what) const {
  if (!config_.read_only) return;
  throw Error(ErrorCode::unsupported, std::string(what) + ": cannot change stream '" + settings_.stream +
                                          "': this bus is read-only; open one without `read_only`");
}

void Core::note_append(const AppendResult& result) noexcept {
  switch (result.status) {
    case AppendStatus::written:
      counters_.published.add();
      if (!link_up_.load(std::memory_order_relaxed) && !consuming_) link_up_ = true;
      return;
    case AppendStatus::rejected: counters_.publish_rejected.add(); break;
    case AppendStatus::unknown: counters_.publish_unknown.add(); break;
  }
  if (result.error && result.error->code() == ErrorCode::unavailable && !consuming_) link_up_ = false;
}

void Core::stamp(Event& event, Timestamp time) {
  if (is_driven() && event.id.empty()) {
    auto ms = static_cast<std::uint64_t>(std::chrono::floor<milliseconds>(time.time_since_epoch()).count());
    std::lock_guard lock(mutex_);
    event.id = event_id_text(ms, ++ids_given_, random_());
  }
  stamp_event(event, time);
}

AppendResult Core::append_one(Event& event) {
  AppendResult result;
  if (auto error = check_event(event, config_.max_payload_bytes, backend_->needs_bytes())) {
    result.error = std::move(error);
  } else {
    stamp(event, utc_now());
    auto tracing = tracer();
    PublishSpan span(tracing.get(), settings_, config_.backend, event);
    try {
      backend_->append({&event, 1}, {&result, 1});
    } catch (const Error& thrown) {
      result = {thrown.code() == ErrorCode::timed_out ? AppendStatus::unknown : AppendStatus::rejected, {}, thrown};
    }
    if (result.error) span.fail(to_string(result.error->code()), result.error->what());
  }
  note_append(result);
  return result;
}

Position Core::publish(Event event) {
  refuse_if_read_only("publish");
  Gate::Pass pass(gate_);
  if (!pass) refuse_closed("publish");
  AppendResult result = append_one(event);
  if (result.status != AppendStatus::written) {
    throw result.error.value_or(
        Error(ErrorCode::internal, "publish: the backend gave no reason for refusing the event"));
  }
  if (is_inline()) drain_inline();
  return result.position;
}

std::vector<PublishResult> Core::publish_all(std::vector<Event> events) {
  refuse_if_read_only("publish_all");
  std::vector<PublishResult> results(events.size());
  if (events.empty()) return results;
  Gate::Pass pass(gate_);
  if (!pass) refuse_closed("publish_all");

  std::vector<AppendResult> appended = append_each(events);
  for (std::size_t i = 0; i < events.size(); ++i) {
    results[i].status = static_cast<PublishResult::Status>(static_cast<int>(appended[i].status) - 1);
    results[i].position = appended[i].position;
    results[i].error = std::move(appended[i].error);
  }
  if (is_inline()) drain_inline();
  return results;
}

// Checks, stamps and appends; an event that is refused here breaks no run of others.
std::vector<AppendResult> Core::append_each(std::span<Event> events) {
  std::vector<AppendResult> appended(events.size());
  Timestamp time = utc_now();
  auto tracing = tracer();
  std::vector<PublishSpan> spans;
  auto append_run = [&](std::size_t begin, std::size_t end) {
    if (begin == end) return;
    std::span run = events.subspan(begin, end - begin);
    std::span outcomes(appended.data() + begin, end - begin);
    if (tracing) {
      for (Event& event : run) spans.emplace_back(tracing.get(), settings_, config_.backend, event);
    }
    try {
      backend_->append(run, outcomes);
    } catch (const Error& thrown) {
      AppendStatus fate = thrown.code() == ErrorCode::timed_out ? AppendStatus::unknown : AppendStatus::rejected;
      for (AppendResult& outcome : outcomes) {
        if (outcome.status != AppendStatus::written) outcome = {fate, {}, thrown};
      }
    }
    for (std::size_t i = 0; i < spans.size(); ++i) {
      if (outcomes[i].error) spans[i].fail(to_string(outcomes[i].error->code()), outcomes[i].error->what());
    }
    spans.clear();
  };
  std::size_t begin = 0;  // of the run of events that may be sent
  for (std::size_t i = 0; i < events.size(); ++i) {
    if (auto error = check_event(events[i], config_.max_payload_bytes, backend_->needs_bytes())) {
      append_run(begin, i);
      begin = i + 1;
      appended[i].error = std::move(error);
    } else {
      stamp(events[i], time);
    }
  }
  append_run(begin, events.size());
  for (const AppendResult& result : appended) note_append(result);
  return appended;
}

}  // namespace eventbus::host
