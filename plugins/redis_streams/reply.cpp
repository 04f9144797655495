#include "reply.hpp"

#include <algorithm>
#include <cstdint>

namespace eventbus::redis_streams {
namespace {

constexpr std::size_t first_block = 1024;
constexpr std::size_t largest_kept = std::size_t{4} << 20;
constexpr std::size_t arenas_kept = 4;

}  // namespace

void* Arena::allocate(std::size_t size) {
  size = (size + alignof(std::max_align_t) - 1) / alignof(std::max_align_t) * alignof(std::max_align_t);
  if (blocks_.empty() || blocks_.back().size - used_ < size) {
    std::size_t wanted = std::max(size, blocks_.empty() ? first_block : 2 * blocks_.back().size);
    blocks_.push_back({std::make_unique_for_overwrite<std::byte[]>(wanted), wanted});
    used_ = 0;
  }
  void* out = blocks_.back().bytes.get() + used_;
  used_ += size;
  return out;
}

void Arena::reset() noexcept {
  used_ = 0;
  if (blocks_.size() > 1) blocks_.erase(blocks_.begin(), blocks_.end() - 1);  // the last is the largest
  if (!blocks_.empty() && blocks_.back().size > largest_kept) blocks_.clear();
}

std::unique_ptr<Arena> ArenaPool::take() {
  {
    std::lock_guard lock(mutex_);
    if (!arenas_.empty()) {
      auto out = std::move(arenas_.back());
      arenas_.pop_back();
      return out;
    }
    arenas_.reserve(arenas_kept);
  }
  return std::make_unique<Arena>();
}

void ArenaPool::give_back(std::unique_ptr<Arena> arena) noexcept {
  arena->reset();
  std::lock_guard lock(mutex_);
  if (arenas_.size() < arenas_.capacity()) arenas_.push_back(std::move(arena));
}

}  // namespace eventbus::redis_streams
