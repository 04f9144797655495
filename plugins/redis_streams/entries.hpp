// Entries of a stream as deliveries.
#pragma once

#include <deque>
#include <eventbus/backend.hpp>
#include <span>
#include <string>
#include <vector>

#include "connection.hpp"
#include "wire.hpp"

namespace eventbus::redis_streams {

// Keeps its memory from batch to batch. Its views live until the next clear, and as long as the replies behind them.
class EntryBatch {
 public:
  void clear() noexcept {
    views_.clear();
    used_ = 0;
  }
  void add(ReplyPart entry, std::uint32_t attempt);  // an id and its fields
  void add(Position position, ReplyPart fields, std::uint32_t attempt);
  std::span<const DeliveryView> views() const noexcept { return views_; }

 private:
  struct Slot {
    Decoder decoder;
    std::string problem;
  };

  std::deque<Slot> slots_;  // views point into them: they never move
  std::size_t used_ = 0;
  std::vector<std::string_view> fields_;
  std::vector<DeliveryView> views_;
};

}  // namespace eventbus::redis_streams
