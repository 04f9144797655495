// The dead letters of a stream.
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <vector>

#include <eventbus/stored.hpp>

namespace eventbus::memory {

// Threads: who calls anything here holds `mutex`. Who holds a stream's mutex may take this one, never the other way
// round.
class DeadLetters {
 public:
  mutable std::mutex mutex;

  // Gives the letter its position. Where there are more than `max_length` (0: no limit), the oldest goes.
  void add(DeadLetter letter, std::uint64_t max_length);
  const DeadLetter* find(const Position& position) const;
  void erase(const Position& position);
  std::uint64_t purge(const PurgeQuery& query);
  std::vector<DeadLetter> page(const DeadLetterQuery& query, std::optional<Position>& next) const;
  std::size_t size() const noexcept { return letters_.size(); }

 private:
  std::uint64_t last_ = 0;
  std::deque<DeadLetter> letters_;  // by position
};

}  // namespace eventbus::memory
