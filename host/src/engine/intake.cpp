// Taking in: how much to ask for, and what becomes of it.
#include <algorithm>

#include "engine/core.hpp"

namespace eventbus::host {
namespace {
constexpr milliseconds rate_window{250};
}

std::size_t Core::events_held_locked() const noexcept { return held_.size() - std::min(held_.size(), lanes_.tokens()); }

// How many events to ask for. A consumer buffers about what it handles in a second: it begins with one a worker and
// doubles whenever the buffer ran dry while there was more to read.
std::size_t Core::room_locked() {
  SteadyTime time = now();
  if (ran_dry_ && last_read_full_ && lanes_.ready() == 0) {
    prefetch_ = std::min<std::size_t>(prefetch_ * 2, config_.max_in_flight);
    last_read_full_ = false;
  }
  if (ran_dry_) {
    rate_since_ = time;
    rate_base_ = finished_;
    ran_dry_ = false;
  } else if (time - rate_since_ >= rate_window) {
    double seconds = std::chrono::duration<double>(time - rate_since_).count();
    auto a_second = static_cast<std::size_t>(static_cast<double>(finished_ - rate_base_) / seconds);
    prefetch_ = std::min(prefetch_, std::max<std::size_t>(config_.concurrency, a_second));
    rate_since_ = time;
    rate_base_ = finished_;
  }
  std::size_t working = lanes_.ready() + busy_ + recovered_waiting_;
  std::size_t held = events_held_locked();
  std::size_t limit = std::min<std::size_t>(prefetch_, config_.max_in_flight);
  if (working >= limit || held >= config_.max_in_flight) return 0;
  if (parked_.size() + lanes_.tokens() >= config_.max_parked) return 0;
  std::size_t room = std::min<std::size_t>(limit - working, config_.max_in_flight - held);
  std::size_t worthwhile = std::min<std::size_t>(config_.batch_size, limit / 2);
  if (working > 0 && room < worthwhile) return 0;  // wait for a fuller batch while there is work
  return std::min<std::size_t>(room, config_.batch_size);
}

std::shared_ptr<const Event> Core::event_of(const DeliveryView& view) {
  if (view.shared) return view.shared;
  auto event = std::make_shared<Event>();
  assign(*event, view.event);
  return event;
}

// Copies what the backend hands out, and queues it for the workers. `from`: what was asked to be delivered again.
void Core::take_in(std::span<const DeliveryView> batch, SteadyTime leased_at,
                   std::unordered_map<Position, Parked>* from) {
  std::lock_guard lock(mutex_);
  for (const DeliveryView& view : batch) {
    auto origin = from ? from->extract(view.token.position) : std::unordered_map<Position, Parked>::node_type();
    take_in_one_locked(view, leased_at, origin ? &origin.mapped() : nullptr);
  }
  if (!from) ran_dry_ = false;  // who waited for a first event is no proof of speed
  if (config_.concurrency > 1) {
    work_cv_.notify_all();
  } else {
    work_cv_.notify_one();
  }
}

// After a loss of all its data a stream may give a position again.
bool Core::is_another_event(const Held& held, const DeliveryView& view) {
  if (!held.event || held.event->id.empty() || !view.undecodable.empty()) return false;
  return held.event->id != (view.shared ? std::string_view(view.shared->id) : view.event.id);
}

// What was held at a position that is another event's now is gone for good: no settlement may reach its successor.
void Core::displace_locked(HeldPtr held) {
  if (held->state == Held::State::running) {
    held->lease_lost = true;
    held_.erase(held->token.position);
    return;
  }
  if (held->account != Account::counted) counters_.lost.add();
  close_account(held->sweep, &RecoveryReport::lost);
  leave_lane_locked(*held);
  forget_locked(held);
}

void Core::take_in_one_locked(const DeliveryView& view, SteadyTime leased_at, Parked* origin) {
  Position position = view.token.position;
  auto at = held_.find(position);
  if (at != held_.end() && is_another_event(*at->second, view)) {
    displace_locked(at->second);
  } else if (at != held_.end()) {  // held already: a fresher token of the same delivery
    at->second->token = view.token;
    at->second->leased_at = leased_at;
    if (!at->second->event) lanes_.fetched(at->second, event_of(view));
    return;
  }
  if (!origin) forget_parked_locked(position);
  counters_.consumed.add();
  bool recovered = origin && origin->recovered;
  if (recovered) counters_.recovered.add();
  SweepPtr sweep = origin ? std::move(origin->sweep) : nullptr;
  if (!view.only_group.empty() && view.only_group != settings_.group) {
    HeldPtr held = unrun_locked(view.token, leased_at, {});
    held->sweep = std::move(sweep);
    settle_later_locked(held, SettleAction::ack, Account::skipped_target);
    return;
  }
  if (!view.undecodable.empty()) {
    counters_.undecodable.add();
    HeldPtr held = unrun_locked(view.token, leased_at, std::string(view.undecodable));
    held->sweep = std::move(sweep);
    bury_locked(held, Account::dead_lettered);
    return;
  }
  auto held = std::make_shared<Held>();
  held->token = view.token;
  held->leased_at = leased_at;
  held->event = event_of(view);
  held->max_retries = origin ? origin->max_retries : config_.max_retries;
  held->sweep = std::move(sweep);
  if (origin) {
    held->failures = std::move(origin->failures);
    held->owns_lane = !origin->lane.empty();
  }
  if (recovered && view.token.attempt > 2) {
    held->solo = true;
    ++solo_;
  }
  held_.emplace(position, held);
  lanes_.push(std::move(held));
}

}  // namespace eventbus::host
