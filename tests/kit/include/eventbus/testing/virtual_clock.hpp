// Time that passes only when a test says so. Threads: one at a time.
#pragma once

#include <algorithm>
#include <chrono>

#include <eventbus/position.hpp>

namespace eventbus::testing {

class VirtualClock {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  TimePoint now() const noexcept { return TimePoint(elapsed_); }
  Timestamp utc_now() const noexcept {
    return std::chrono::time_point_cast<Timestamp::duration>(
        Timestamp(std::chrono::sys_days(std::chrono::year(2030) / 1 / 1)) +
        std::chrono::duration_cast<Timestamp::duration>(elapsed_ - start));
  }
  void advance(TimePoint::duration time) noexcept { advance_to(now() + time); }
  // Never goes back.
  void advance_to(TimePoint time) noexcept { elapsed_ = std::max(elapsed_, time.time_since_epoch()); }
  TimePoint::duration elapsed() const noexcept { return elapsed_ - start; }

 private:
  static constexpr TimePoint::duration start = std::chrono::hours(1);
  TimePoint::duration elapsed_ = start;
};

}  // namespace eventbus::testing
