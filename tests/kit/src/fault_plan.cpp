#include <eventbus/testing/fault_plan.hpp>

#include <string_view>

namespace eventbus::testing {
namespace {

std::string_view name_of(FaultPlan::Step step) {
  switch (step) {
    case FaultPlan::Step::append: return "append";
    case FaultPlan::Step::delivery: return "delivery";
    case FaultPlan::Step::settlement: return "settlement";
    case FaultPlan::Step::renewal: return "renewal";
  }
  return "";
}

std::string_view name_of(FaultPlan::Kind kind) {
  switch (kind) {
    case FaultPlan::Kind::fail: return "fail";
    case FaultPlan::Kind::lose_reply: return "lose the reply of";
    case FaultPlan::Kind::duplicate: return "duplicate";
    case FaultPlan::Kind::delay: return "delay";
    case FaultPlan::Kind::expire_lease: return "expire the lease of";
    case FaultPlan::Kind::crash_before: return "crash before";
    case FaultPlan::Kind::crash_after: return "crash after";
  }
  return "";
}

}  // namespace

FaultPlan& FaultPlan::add(Step step, std::uint64_t nth, Fault fault) {
  std::lock_guard lock(mutex_);
  const std::uint64_t seen = counts_[step];
  if (nth <= seen) {
    throw Error(ErrorCode::invalid_argument, "fault plan: cannot " + std::string(name_of(fault.kind)) + " " +
                                                 std::string(name_of(step)) + " " + std::to_string(nth) + ": " +
                                                 (nth == 0 ? "they count from 1"
                                                           : std::to_string(seen) +
                                                                 " of these were already; the next "
                                                                 "is " +
                                                                 std::to_string(seen + 1)));
  }
  planned_[{step, nth}] = fault;
  return *this;
}

std::optional<FaultPlan::Fault> FaultPlan::next(Step step) {
  std::lock_guard lock(mutex_);
  const auto at = planned_.find({step, ++counts_[step]});
  if (at == planned_.end()) return std::nullopt;
  const Fault fault = at->second;
  planned_.erase(at);
  return fault;
}

bool FaultPlan::crashed() const {
  std::lock_guard lock(mutex_);
  return crashed_;
}

void FaultPlan::set_crashed(bool crashed) {
  std::lock_guard lock(mutex_);
  crashed_ = crashed;
}

std::uint64_t FaultPlan::count(Step step) const {
  std::lock_guard lock(mutex_);
  const auto count = counts_.find(step);
  return count == counts_.end() ? 0 : count->second;
}

Expectation FaultPlan::expect_all_happened() const {
  std::lock_guard lock(mutex_);
  std::string left;
  for (const auto& [place, fault] : planned_) {
    const auto count = counts_.find(place.first);
    const std::uint64_t seen = count == counts_.end() ? 0 : count->second;
    left += "  " + std::string(name_of(fault.kind)) + " " + std::string(name_of(place.first)) + " " +
            std::to_string(place.second) + ": there were " + std::to_string(seen) + '\n';
  }
  if (left.empty()) return {true, "every planned fault happened\n"};
  return {false, "planned, but never came:\n" + left};
}

}  // namespace eventbus::testing
