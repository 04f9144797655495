// Values under strictly increasing sequence numbers, as streams and pending lists need them: put at the back, erased
// anywhere, mostly near the front.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>

namespace eventbus::memory {

// A lookup is one index where the numbers are dense, else a binary search. What was erased between two values keeps its
// slot until such slots outnumber the values, so one value that stays for ever does not hold the memory of all that
// came and went behind it. Pointers to values live until the next put or erase.
template <class T>
class SequenceMap {
 public:
  bool empty() const noexcept { return live_ == 0; }
  std::size_t size() const noexcept { return live_; }
  std::uint64_t front() const { return slots_.front().sequence; }  // the least sequence; not empty
  std::uint64_t back() const { return slots_.back().sequence; }    // the greatest sequence; not empty

  // `sequence` is greater than every one put before.
  T& put(std::uint64_t sequence, T value) {
    slots_.push_back({sequence, std::move(value)});
    ++live_;
    return *slots_.back().value;
  }

  T* find(std::uint64_t sequence) {
    std::size_t slot = slot_of(sequence);
    if (slot == slots_.size() || slots_[slot].sequence != sequence || !slots_[slot].value) return nullptr;
    return &*slots_[slot].value;
  }

  // The first value at `sequence` or after it, null if there is none; `sequence` becomes that of the value.
  T* at_or_after(std::uint64_t& sequence) {
    for (std::size_t slot = slot_of(sequence); slot < slots_.size(); ++slot) {
      if (!slots_[slot].value) continue;
      sequence = slots_[slot].sequence;
      return &*slots_[slot].value;
    }
    return nullptr;
  }

  bool erase(std::uint64_t sequence) {
    std::size_t slot = slot_of(sequence);
    if (slot == slots_.size() || slots_[slot].sequence != sequence || !slots_[slot].value) return false;
    slots_[slot].value.reset();
    --live_;
    while (!slots_.empty() && !slots_.front().value) slots_.pop_front();
    while (!slots_.empty() && !slots_.back().value) slots_.pop_back();
    if (slots_.size() > 2 * live_ + 64) {
      std::erase_if(slots_, [](const Slot& one) { return !one.value; });
    }
    return true;
  }

  // How many values there are at `sequence` and after it.
  std::size_t count_from(std::uint64_t sequence) const {
    auto from = slots_.begin() + static_cast<std::ptrdiff_t>(slot_of(sequence));
    if (slots_.size() == live_) return static_cast<std::size_t>(slots_.end() - from);
    return static_cast<std::size_t>(
        std::count_if(from, slots_.end(), [](const Slot& slot) { return slot.value.has_value(); }));
  }

 private:
  struct Slot {
    std::uint64_t sequence;
    std::optional<T> value;
  };

  // The first slot at `sequence` or after it. Gaps only move a slot forward, so the dense place is an upper bound.
  std::size_t slot_of(std::uint64_t sequence) const {
    if (slots_.empty() || sequence > slots_.back().sequence) return slots_.size();
    if (sequence <= slots_.front().sequence) return 0;
    std::uint64_t dense = std::min<std::uint64_t>(sequence - slots_.front().sequence, slots_.size() - 1);
    auto guess = static_cast<std::size_t>(dense);
    if (slots_[guess].sequence == sequence) return guess;
    auto end = slots_.begin() + static_cast<std::ptrdiff_t>(guess);
    auto at = std::lower_bound(slots_.begin(), end, sequence,
                               [](const Slot& slot, std::uint64_t wanted) { return slot.sequence < wanted; });
    return static_cast<std::size_t>(at - slots_.begin());
  }

  std::deque<Slot> slots_;  // the first and the last one hold a value
  std::size_t live_ = 0;
};

}  // namespace eventbus::memory
