// Events read from the file, kept until a sink has seen them.
#pragma once

#include <deque>
#include <eventbus/backend.hpp>
#include <string>
#include <vector>

#include "database.hpp"

namespace eventbus::sqlite {

// The columns that Rows reads, in this order.
#define EVENTBUS_SQLITE_EVENT_COLUMNS \
  "seq, id, type, aggregate_id, aggregate_type, aggregate_version, occurred_at, only_group, headers, payload"

// A read stops after so many bytes, and says where: one call keeps neither the lock nor the memory for long.
inline constexpr std::size_t enough_bytes = 8u << 20;

class Rows {
 public:
  void add(const Query& row, std::uint32_t attempt);
  void clear() noexcept;
  bool empty() const noexcept { return views_.empty(); }
  std::size_t size() const noexcept { return views_.size(); }
  bool has_enough() const noexcept { return bytes_ >= enough_bytes; }
  const std::vector<DeliveryView>& views() const noexcept { return views_; }

 private:
  struct Slot {
    std::string text;  // all columns, one after another
    std::string header_memory;
    std::vector<HeaderView> headers;
  };
  std::deque<Slot> slots_;  // used again, with their memory
  std::vector<DeliveryView> views_;
  std::size_t bytes_ = 0;
};

}  // namespace eventbus::sqlite
