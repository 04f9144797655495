// Which events a handler is done with: what once() asks, so that duplicates run once (eventbus/once.hpp).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

namespace eventbus {

// Keys, each free, claimed by an owner until its lease ends, or done until its window ends. Threads: any. Errors:
// Error.
class IdempotencyStore {
 public:
  enum class Claim : std::int32_t {
    fresh = 1,  // was free, and is now claimed by `owner`
    busy = 2,   // claimed, and its lease has not ended
    done = 3,
  };

  // In one atomic step.
  virtual Claim begin(std::string_view key, std::string_view owner, std::chrono::milliseconds lease) = 0;

  // Makes it done, whoever claimed it: it was done.
  virtual void finish(std::string_view key, std::chrono::milliseconds window) = 0;

  // Makes it free if `owner` still has it.
  virtual void cancel(std::string_view key, std::string_view owner) = 0;

 protected:
  ~IdempotencyStore() = default;
};

namespace detail {

// Threads: any.
class RememberedKeys {
 public:
  using Claim = IdempotencyStore::Claim;
  using Time = std::chrono::steady_clock::time_point;

  explicit RememberedKeys(std::size_t capacity) : capacity_(capacity) {}

  Claim begin(std::string_view key, std::string_view owner, std::chrono::milliseconds lease, Time now) {
    std::lock_guard lock(mutex_);
    while (!by_end_.empty() && by_end_.begin()->first <= now) erase(by_end_.begin()->second);
    if (const auto known = keys_.find(key); known != keys_.end()) {
      return known->second.done ? Claim::done : Claim::busy;
    }
    put(key, {std::string(owner), false, {}}, now + lease);
    return Claim::fresh;
  }

  void finish(std::string_view key, std::chrono::milliseconds window, Time now) {
    std::lock_guard lock(mutex_);
    if (const auto known = keys_.find(key); known != keys_.end()) erase(known);
    while (!by_end_.empty() && keys_.size() >= capacity_) {
      auto first = by_end_.begin();  // of those done: a claim is never given up
      while (first != by_end_.end() && !first->second->second.done) ++first;
      if (first == by_end_.end()) break;
      erase(first->second);
    }
    put(key, {{}, true, {}}, now + window);
  }

  void cancel(std::string_view key, std::string_view owner) {
    std::lock_guard lock(mutex_);
    const auto known = keys_.find(key);
    if (known != keys_.end() && !known->second.done && known->second.owner == owner) erase(known);
  }

  std::size_t size() const {
    std::lock_guard lock(mutex_);
    return keys_.size();
  }

 private:
  struct Entry;
  using Keys = std::map<std::string, Entry, std::less<>>;
  using ByEnd = std::multimap<Time, Keys::iterator>;
  struct Entry {
    std::string owner;
    bool done = false;
    ByEnd::iterator end{};
  };

  void put(std::string_view key, Entry entry, Time end) {
    const auto at = keys_.emplace(key, std::move(entry)).first;
    at->second.end = by_end_.emplace(end, at);
  }
  void erase(Keys::iterator at) {
    by_end_.erase(at->second.end);
    keys_.erase(at);
  }

  const std::size_t capacity_;
  mutable std::mutex mutex_;  // guards both maps
  Keys keys_;
  ByEnd by_end_;
};

}  // namespace detail

// In this process' memory, for handlers of this process alone. It remembers at most `capacity` keys: past that, what
// would be forgotten first is forgotten now.
class InMemoryIdempotencyStore final : public IdempotencyStore {
 public:
  using Clock = std::function<std::chrono::steady_clock::time_point()>;

  explicit InMemoryIdempotencyStore(std::size_t capacity = 100000, Clock clock = std::chrono::steady_clock::now)
      : keys_(capacity), clock_(std::move(clock)) {}

  Claim begin(std::string_view key, std::string_view owner, std::chrono::milliseconds lease) override {
    return keys_.begin(key, owner, lease, clock_());
  }
  void finish(std::string_view key, std::chrono::milliseconds window) override { keys_.finish(key, window, clock_()); }
  void cancel(std::string_view key, std::string_view owner) override { keys_.cancel(key, owner); }
  std::size_t size() const { return keys_.size(); }

 private:
  detail::RememberedKeys keys_;
  const Clock clock_;
};

}  // namespace eventbus
