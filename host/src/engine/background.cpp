// Publishing in the background: queued in order, published in batches, sent again under the same id.
#include <algorithm>

#include "engine/check_event.hpp"
#include "engine/core.hpp"

namespace eventbus::host {
namespace {
constexpr std::size_t background_batch = 100;
constexpr milliseconds first_again{100};
constexpr milliseconds last_again{5000};
}  // namespace

void Core::publish_background(Event event) {
  refuse_if_read_only("publish_background");
  Gate::Pass pass(gate_);
  if (!pass) refuse_closed("publish_background");
  if (auto error = check_event(event, config_.max_payload_bytes, backend_->needs_bytes())) {
    counters_.publish_rejected.add();
    throw *error;
  }
  stamp(event, utc_now());  // here, so that every resend carries the same id
  if (!is_driven()) {
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
  milliseconds delay{0};
  std::unique_lock lock(background_mutex_);
  for (;;) {
    background_cv_.wait(lock, [&] { return background_stop_ || !background_.empty(); });
    if (background_.empty()) return;
    publish_queued(lock, delay);
  }
}

// Copies are sent: what could not be written goes out again, ahead of the rest and in its order.
void Core::publish_queued(std::unique_lock<std::mutex>& lock, milliseconds& delay) {
  auto end = background_.begin() + static_cast<std::ptrdiff_t>(std::min(background_.size(), background_batch));
  std::vector<Event> batch(background_.begin(), end);
  bool last_try = background_stop_;
  lock.unlock();
  std::vector<AppendResult> results = append_each(batch);
  if (is_inline()) drain_inline();
  std::vector<std::pair<Event, Error>> given_up;
  lock.lock();
  std::deque<Event> again;
  for (std::size_t i = 0; i < results.size(); ++i) {
    Event event = std::move(background_.front());
    background_.pop_front();
    if (results[i].status != AppendStatus::written) {
      Error error = results[i].error.value_or(Error(ErrorCode::internal, "the backend gave no reason"));
      if ((error.retryable() || results[i].status == AppendStatus::unknown) && !last_try) {
        again.push_back(std::move(event));
        continue;
      }
      counters_.background_failed.add();
      given_up.emplace_back(std::move(event), std::move(error));
    }
    ++background_done_;
  }
  bool wait = !again.empty();
  background_.insert(background_.begin(), std::make_move_iterator(again.begin()), std::make_move_iterator(again.end()));
  background_cv_.notify_all();
  if (!given_up.empty()) {
    lock.unlock();
    for (const auto& [event, error] : given_up) report("publish_background", error, &event);
    lock.lock();
  }
  delay = wait ? std::clamp(delay * 2, first_again, last_again) : milliseconds{0};
  if (wait) background_cv_.wait_for(lock, delay, [&] { return background_stop_; });
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
