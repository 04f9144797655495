// The counters behind Stats. Threads: any.
#pragma once

#include <atomic>
#include <cstdint>

#include <eventbus/stats.hpp>

namespace eventbus::host {

class Counter {
 public:
  void add(std::uint64_t n = 1) noexcept { value_.fetch_add(n, std::memory_order_relaxed); }
  std::uint64_t get() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

struct Counters {
  Counter published, publish_rejected, publish_unknown, background_failed;
  Counter consumed, success, failed, unhandled, released, lease_lost, abandoned, skipped_target, lost;
  Counter retried, dead_lettered, dropped;
  Counter handler_errors, undecodable, recovered, settle_failed, reconnections, groups_recreated;
  Counter trimmed, trim_lost;

  Stats snapshot() const noexcept {
    Stats stats;
    stats.published = published.get();
    stats.publish_rejected = publish_rejected.get();
    stats.publish_unknown = publish_unknown.get();
    stats.background_failed = background_failed.get();
    stats.consumed = consumed.get();
    stats.success = success.get();
    stats.failed = failed.get();
    stats.unhandled = unhandled.get();
    stats.released = released.get();
    stats.lease_lost = lease_lost.get();
    stats.abandoned = abandoned.get();
    stats.skipped_target = skipped_target.get();
    stats.lost = lost.get();
    stats.retried = retried.get();
    stats.dead_lettered = dead_lettered.get();
    stats.dropped = dropped.get();
    stats.handler_errors = handler_errors.get();
    stats.undecodable = undecodable.get();
    stats.recovered = recovered.get();
    stats.settle_failed = settle_failed.get();
    stats.reconnections = reconnections.get();
    stats.groups_recreated = groups_recreated.get();
    stats.trimmed = trimmed.get();
    stats.trim_lost = trim_lost.get();
    return stats;
  }
};

}  // namespace eventbus::host
