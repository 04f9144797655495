// One recovery sweep: a scan of all that is pending, and the outcomes of what it took over.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include <eventbus/backend.hpp>

namespace eventbus::host {

// Guarded by the core's mutex.
struct Sweep {
  milliseconds min_idle{0};
  std::size_t batch = 0;
  std::uint32_t max_retries = 0;

  Cursor cursor{};
  bool scanned = false;         // the scan has come round
  std::size_t outstanding = 0;  // taken over, outcome not yet known
  RecoveryReport report{};

  bool done() const noexcept { return report.cancelled || (scanned && outstanding == 0); }
};
using SweepPtr = std::shared_ptr<Sweep>;

// The outcome of one that a sweep took over, counted once; later ones of the same event are not the sweep's.
inline void close_account(SweepPtr& sweep, std::uint64_t RecoveryReport::*outcome) noexcept {
  SweepPtr of = std::exchange(sweep, nullptr);
  if (!of) return;
  --of->outstanding;
  if (outcome) ++(of->report.*outcome);
}

}  // namespace eventbus::host
