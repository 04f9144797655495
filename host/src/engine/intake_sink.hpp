// Where a receive puts what it brings: results of settlements, and deliveries.
#pragma once

#include "engine/core.hpp"

namespace eventbus::host {

class Core::IntakeSink final : public ReceiveSink {
 public:
  IntakeSink(Core& core, const SettlementBatch& batch, SteadyTime sent_at)
      : core_(core), batch_(batch), sent_at_(sent_at) {}

  void settled(std::span<const SettleResult> results) override {
    settled_ = true;
    core_.apply_results(batch_, results);
  }
  void delivered(std::span<const DeliveryView> batch) override {
    taken_ += batch.size();
    core_.take_in(batch, sent_at_, nullptr);
  }
  bool settled_seen() const noexcept { return settled_ || batch_.items.empty(); }
  std::size_t taken() const noexcept { return taken_; }

 private:
  Core& core_;
  const SettlementBatch& batch_;
  SteadyTime sent_at_;
  bool settled_ = false;
  std::size_t taken_ = 0;
};

}  // namespace eventbus::host
