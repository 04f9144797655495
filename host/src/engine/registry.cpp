#include "engine/registry.hpp"

#include <algorithm>

#include <eventbus/error.hpp>

namespace eventbus::host {

void SubscriptionEntry::leave() noexcept {
  // Only the last call that runs after an end that did not wait may touch the handler: nobody else does any more.
  bool last = gate_.inside() == 1 && dispose_on_leave_.load();
  if (last) dispose();
  gate_.leave();
}

void SubscriptionEntry::end(bool wait) noexcept {
  if (wait) {
    gate_.close();
    gate_.wait_until_empty();
    dispose();
    return;
  }
  gate_.close();
  if (gate_.inside() == 0) {
    dispose();
  } else {
    dispose_on_leave_.store(true);
  }
}

void SubscriptionEntry::dispose() noexcept { handler_ = Handler(); }

std::uint64_t Registry::add(std::span<const std::string> types, Handler handler) {
  if (!handler)
    throw Error(ErrorCode::invalid_argument, "subscribe: cannot subscribe an empty handler; give a callable");
  std::vector<std::string> unique;
  for (const std::string& type : types) {
    if (type.empty()) {
      throw Error(ErrorCode::invalid_argument,
                  "subscribe: cannot subscribe to an empty event type; name the type, or use subscribe_to_all");
    }
    if (std::find(unique.begin(), unique.end(), type) == unique.end()) unique.push_back(type);
  }
  std::lock_guard lock(mutex_);
  std::uint64_t id = ++last_id_;
  entries_.emplace(id, std::make_shared<SubscriptionEntry>(id, std::move(unique), std::move(handler)));
  publish_table();
  return id;
}

void Registry::remove(std::uint64_t id, bool wait) noexcept {
  std::shared_ptr<SubscriptionEntry> entry;
  {
    std::lock_guard lock(mutex_);
    auto at = entries_.find(id);
    if (at == entries_.end()) return;
    entry = std::move(at->second);
    entries_.erase(at);
    publish_table();
  }
  entry->end(wait);
}

void Registry::publish_table() {
  auto table = std::make_shared<HandlerTable>();
  for (const auto& [id, entry] : entries_) {
    if (entry->types().empty()) table->wildcard.push_back(entry);
    for (const std::string& type : entry->types()) table->by_type[type].push_back(entry);
  }
  for (auto& [type, entries] : table->by_type) {
    entries.insert(entries.end(), table->wildcard.begin(), table->wildcard.end());
  }
  table_ = std::move(table);
  size_.store(entries_.size());
  generation_.fetch_add(1);
}

std::size_t Registry::count() const { return size_.load(); }

std::size_t Registry::count(std::string_view type) const {
  std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(std::count_if(entries_.begin(), entries_.end(), [&](const auto& item) {
    const auto& types = item.second->types();
    return std::find(types.begin(), types.end(), type) != types.end();
  }));
}

std::size_t Registry::wildcard_count() const {
  std::lock_guard lock(mutex_);
  return table_->wildcard.size();
}

std::string Registry::name_of(std::uint64_t id) const {
  std::lock_guard lock(mutex_);
  auto at = entries_.find(id);
  return at == entries_.end() ? std::string() : at->second->name();
}

const HandlerTable& Registry::Reader::current(const Registry& registry) {
  std::uint64_t generation = registry.generation_.load();
  if (generation != generation_ || !table_) {
    std::lock_guard lock(registry.mutex_);
    table_ = registry.table_;
    generation_ = registry.generation_.load();
  }
  return *table_;
}

}  // namespace eventbus::host
