// Replies of a Redis server, each in memory of its own that is used again for later ones: a read of a hundred entries
// costs no allocation. hiredis does the parsing (connection.cpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>
#include <utility>
#include <vector>

namespace eventbus::redis_streams {

// Memory that is freed all at once.
class Arena {
 public:
  void* allocate(std::size_t size);  // aligned for any object; throws std::bad_alloc
  void reset() noexcept;             // keeps some of the memory

 private:
  struct Block {
    std::unique_ptr<std::byte[]> bytes;
    std::size_t size = 0;
  };
  std::vector<Block> blocks_;
  std::size_t used_ = 0;  // of the last block
};

// Arenas that wait for their next reply. Threads: any.
class ArenaPool {
 public:
  std::unique_ptr<Arena> take();
  void give_back(std::unique_ptr<Arena> arena) noexcept;

 private:
  std::mutex mutex_;  // guards the one below
  std::vector<std::unique_ptr<Arena>> arenas_;
};

// A reply or a part of one, as it stands in an arena. The numbers are the protocol library's.
struct ReplyNode {
  enum Kind : int { string = 1, array = 2, integer_number = 3, nil = 4, status = 5, error = 6 };

  int kind = nil;  // first: hiredis 1 looks at it
  std::size_t size = 0;
  std::int64_t integer = 0;
  const char* text = nullptr;
  ReplyNode* elements = nullptr;
};

// Views a reply or a part of one, and must not outlive it.
class ReplyPart {
 public:
  ReplyPart() = default;
  explicit ReplyPart(const ReplyNode* node) noexcept : node_(node) {}
  ReplyPart(const ReplyPart&) = default;
  ReplyPart& operator=(const ReplyPart&) = default;
  ReplyPart(class Reply&&) = delete;  // it would dangle

  bool is_nil() const noexcept { return is(ReplyNode::nil) || !node_; }
  bool is_error() const noexcept { return is(ReplyNode::error); }
  bool is_array() const noexcept { return is(ReplyNode::array); }
  std::int64_t integer() const noexcept { return is(ReplyNode::integer_number) ? node_->integer : 0; }
  // Of strings, statuses and errors; empty otherwise.
  std::string_view text() const noexcept {
    return node_ && node_->text ? std::string_view(node_->text, node_->size) : std::string_view();
  }
  std::size_t size() const noexcept { return is_array() ? node_->size : 0; }  // of arrays; 0 otherwise
  ReplyPart operator[](std::size_t index) const noexcept {
    return index < size() ? ReplyPart(&node_->elements[index]) : ReplyPart();
  }

  // The value behind a name in a flat list of names and values; nil if it is not there.
  ReplyPart field(std::string_view name) const noexcept {
    for (std::size_t i = 0; i + 1 < size(); i += 2) {
      if ((*this)[i].text() == name) return (*this)[i + 1];
    }
    return {};
  }

 private:
  bool is(ReplyNode::Kind kind) const noexcept { return node_ && node_->kind == kind; }

  const ReplyNode* node_ = nullptr;
};

// A whole reply, and its memory.
class Reply : public ReplyPart {
 public:
  Reply() = default;
  Reply(const ReplyNode* node, std::unique_ptr<Arena> arena, std::shared_ptr<ArenaPool> pool) noexcept
      : ReplyPart(node), arena_(std::move(arena)), pool_(std::move(pool)) {}
  Reply(Reply&& other) noexcept
      : ReplyPart(static_cast<const ReplyPart&>(other)),
        arena_(std::move(other.arena_)),
        pool_(std::move(other.pool_)) {
    static_cast<ReplyPart&>(other) = ReplyPart();
  }
  Reply& operator=(Reply&& other) noexcept {
    std::swap(static_cast<ReplyPart&>(*this), static_cast<ReplyPart&>(other));
    std::swap(arena_, other.arena_);
    std::swap(pool_, other.pool_);
    return *this;
  }
  ~Reply() {
    if (arena_) pool_->give_back(std::move(arena_));
  }

 private:
  std::unique_ptr<Arena> arena_;
  std::shared_ptr<ArenaPool> pool_;
};

}  // namespace eventbus::redis_streams
