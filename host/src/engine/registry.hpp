// The subscriptions of a bus, as immutable tables that dispatch reads without a lock.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <eventbus/handler.hpp>

#include "engine/gate.hpp"

namespace eventbus::host {

// One subscription. Its handler is destroyed when it ended and no call of it runs any more.
class SubscriptionEntry {
 public:
  SubscriptionEntry(std::uint64_t id, std::vector<std::string> types, Handler handler)
      : id_(id), types_(std::move(types)), name_(handler.name()), handler_(std::move(handler)) {
    gate_.open();
  }

  std::uint64_t id() const noexcept { return id_; }
  const std::vector<std::string>& types() const noexcept { return types_; }
  std::string name() const { return name_.empty() ? "handler #" + std::to_string(id_) : name_; }

  bool enter() noexcept { return gate_.enter(); }
  const Handler& handler() const noexcept { return handler_; }
  void leave() noexcept;

  // Called once. With `wait` it returns after the last running call, else that call disposes of the handler.
  void end(bool wait) noexcept;

 private:
  void dispose() noexcept;

  const std::uint64_t id_;
  const std::vector<std::string> types_;
  const std::string name_;
  Handler handler_;
  Gate gate_;
  std::atomic<bool> dispose_on_leave_{false};
};

struct TypeHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view type) const noexcept { return std::hash<std::string_view>{}(type); }
};

// Handlers of a type, those for every type behind them, in the order of registration.
struct HandlerTable {
  using Entries = std::vector<std::shared_ptr<SubscriptionEntry>>;

  const Entries& find(std::string_view type) const noexcept {
    auto at = by_type.find(type);
    return at == by_type.end() ? wildcard : at->second;
  }

  std::unordered_map<std::string, Entries, TypeHash, std::equal_to<>> by_type;
  Entries wildcard;
};

// Threads: any.
class Registry {
 public:
  std::uint64_t add(std::span<const std::string> types, Handler handler);
  void remove(std::uint64_t id, bool wait) noexcept;

  std::size_t count() const;
  std::size_t count(std::string_view type) const;
  std::size_t wildcard_count() const;
  std::string name_of(std::uint64_t id) const;  // empty if it ended
  bool empty() const noexcept { return size_.load() == 0; }

  // A reader's own copy of the current table, renewed only when something changed. One thread at a time.
  class Reader {
   public:
    const HandlerTable& current(const Registry& registry);

   private:
    std::shared_ptr<const HandlerTable> table_;
    std::uint64_t generation_ = 0;
  };

 private:
  void publish_table();  // with mutex_ held

  mutable std::mutex mutex_;  // guards the members below but for the atomics
  std::map<std::uint64_t, std::shared_ptr<SubscriptionEntry>> entries_;
  std::shared_ptr<const HandlerTable> table_ = std::make_shared<HandlerTable>();
  std::uint64_t last_id_ = 0;
  std::atomic<std::uint64_t> generation_{1};
  std::atomic<std::size_t> size_{0};
};

}  // namespace eventbus::host
