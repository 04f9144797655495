// Publishing: check, stamp, append.
#include <algorithm>

#include "engine/check_event.hpp"
#include "engine/core.hpp"

namespace eventbus::host {

void Core::refuse_closed(std::string_view what) const {
  throw Error(ErrorCode::closed, std::string(what) + ": cannot use stream '" + settings_.stream +
                                     "': the bus is not connected; call connect() first");
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

AppendResult Core::append_one(Event& event) {
  AppendResult result;
  if (auto error = check_event(event, config_.max_payload_bytes)) {
    result.error = std::move(error);
  } else {
    stamp_event(event, utc_now());
    try {
      backend_->append({&event, 1}, {&result, 1});
    } catch (const Error& thrown) {
      result = {thrown.code() == ErrorCode::timed_out ? AppendStatus::unknown : AppendStatus::rejected, {}, thrown};
    }
  }
  note_append(result);
  return result;
}

Position Core::publish(Event event) {
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
  std::vector<PublishResult> results(events.size());
  if (events.empty()) return results;
  Gate::Pass pass(gate_);
  if (!pass) refuse_closed("publish_all");

  std::vector<AppendResult> appended(events.size());
  Timestamp time = utc_now();
  auto append_run = [&](std::size_t begin, std::size_t end) {
    if (begin == end) return;
    std::span run(events.data() + begin, end - begin);
    std::span outcomes(appended.data() + begin, end - begin);
    try {
      backend_->append(run, outcomes);
    } catch (const Error& thrown) {
      AppendStatus fate = thrown.code() == ErrorCode::timed_out ? AppendStatus::unknown : AppendStatus::rejected;
      for (AppendResult& outcome : outcomes) {
        if (outcome.status != AppendStatus::written) outcome = {fate, {}, thrown};
      }
    }
  };
  std::size_t begin = 0;  // of the run of events that may be sent
  for (std::size_t i = 0; i < events.size(); ++i) {
    if (auto error = check_event(events[i], config_.max_payload_bytes)) {
      append_run(begin, i);
      begin = i + 1;
      appended[i].error = std::move(error);
    } else {
      stamp_event(events[i], time);
    }
  }
  append_run(begin, events.size());

  for (std::size_t i = 0; i < events.size(); ++i) {
    note_append(appended[i]);
    results[i].status = static_cast<PublishResult::Status>(static_cast<int>(appended[i].status) - 1);
    results[i].position = appended[i].position;
    results[i].error = std::move(appended[i].error);
  }
  if (is_inline()) drain_inline();
  return results;
}

void Core::publish_background(Event event) {
  Gate::Pass pass(gate_);
  if (!pass) refuse_closed("publish_background");
  if (auto error = check_event(event, config_.max_payload_bytes)) {
    counters_.publish_rejected.add();
    throw *error;
  }
  stamp_event(event, utc_now());  // here, so that every resend carries the same id
  {
    std::lock_guard lock(background_mutex_);
    if (background_.size() < config_.max_background) {
      background_.push_back(std::move(event));
      ++background_queued_;
      if (!background_thread_.joinable()) background_thread_ = std::thread([this] { run_background(); });
      background_cv_.notify_all();
      return;
    }
  }
  AppendResult result = append_one(event);  // at the bound the caller runs it
  if (result.status != AppendStatus::written) throw *result.error;
  if (is_inline()) drain_inline();
}

void Core::run_background() {
  milliseconds delay{100};
  std::unique_lock lock(background_mutex_);
  for (;;) {
    background_cv_.wait(lock, [&] { return background_stop_ || !background_.empty(); });
    if (background_.empty()) return;
    Event event = background_.front();  // a copy: a rejected event is sent again
    lock.unlock();
    AppendResult result = append_one(event);
    if (result.status == AppendStatus::written && is_inline()) drain_inline();
    lock.lock();
    bool again = result.status != AppendStatus::written && result.error && result.error->retryable();
    if (again) {
      delay = std::min(delay * 2, milliseconds{5000});
      if (!background_stop_) {
        background_cv_.wait_for(lock, delay, [&] { return background_stop_; });
        continue;
      }
    }
    delay = milliseconds{100};
    if (result.status != AppendStatus::written) {
      counters_.background_failed.add();
      lock.unlock();
      report("publish_background", *result.error, &event);
      lock.lock();
    }
    background_.pop_front();
    ++background_done_;
    background_cv_.notify_all();
  }
}

bool Core::flush(milliseconds timeout) {
  std::unique_lock lock(background_mutex_);
  std::uint64_t target = background_queued_;
  return background_cv_.wait_for(lock, timeout, [&] { return background_done_ >= target; });
}

void Core::stop_background() noexcept {
  std::thread thread;
  {
    std::lock_guard lock(background_mutex_);
    background_stop_ = true;
    thread.swap(background_thread_);
  }
  background_cv_.notify_all();
  if (thread.joinable()) thread.join();
  std::lock_guard lock(background_mutex_);
  background_stop_ = false;
}

}  // namespace eventbus::host
