#include "stream.hpp"

#include <algorithm>

namespace eventbus::memory {

Consumer& Group::consumer(const std::string& name) {
  Consumer& consumer = consumers[name];
  if (consumer.name.empty()) consumer.name = name;
  return consumer;
}

void Group::own(Pending& entry, Consumer& consumer) {
  Consumer* before = entry.consumer;
  if (before == &consumer) return;
  entry.consumer = &consumer;
  ++consumer.pending;
  if (before) {
    --before->pending;
    leave(*before);
  }
}

void Group::forget(std::uint64_t sequence, const Pending& entry) {
  Consumer& consumer = *entry.consumer;
  pending.erase(sequence);
  --consumer.pending;
  leave(consumer);
}

void Group::leave(Consumer& consumer) {
  if (consumer.holder || consumer.pending > 0) return;
  consumers.erase(consumers.find(consumer.name));
}

void Group::call(const void* skipped) {
  bool taken = false;
  std::erase_if(waiters, [&](Waiter* waiter) {
    bool wanted = waiter->takes ? !taken : waiter->owner != skipped;
    if (!wanted) return false;
    taken = taken || waiter->takes;
    waiter->called = true;
    waiter->arrived.notify_one();
    return true;
  });
}

Group& Stream::join(const std::string& name, const StartFrom& start, bool keep_history) {
  auto [at, created] = groups.try_emplace(name);
  Group& group = at->second;
  if (!created) return group;
  group.delivered = before(start);
  for (std::uint64_t sequence = group.delivered + 1; Entry* entry = entries.at_or_after(sequence); ++sequence) {
    ++entry->needed_by;
  }
  settled_from_ = 0;
  if (!keep_history) drop_settled();
  return group;
}

// The last sequence that a group which begins at `start` does not want.
std::uint64_t Stream::before(const StartFrom& start) {
  switch (start.kind) {
    case StartFrom::Kind::earliest: return entries.empty() ? last : entries.front() - 1;
    case StartFrom::Kind::latest: return last;
    case StartFrom::Kind::position: return std::min(start.position.high, last);
    case StartFrom::Kind::time: break;
  }
  for (std::uint64_t sequence = 0; const Entry* entry = entries.at_or_after(sequence); ++sequence) {
    if (entry->accepted >= start.time) return sequence - 1;
  }
  return last;
}

void Stream::drop_settled() {
  for (std::uint64_t sequence = 0; const Entry* entry = entries.at_or_after(sequence); ++sequence) {
    if (entry->needed_by == 0) entries.erase(sequence);
  }
}

std::uint64_t Stream::append(std::shared_ptr<const Stored> stored, Timestamp accepted) {
  // The clock may step back; the order by time and the order by position must not part.
  if (!entries.empty()) accepted = std::max(accepted, entries.find(entries.back())->accepted);
  entries.put(last + 1, {std::move(stored), accepted, groups.size()});
  return ++last;
}

bool Stream::make_room(std::uint64_t max_events) {
  while (entries.size() >= max_events) {
    if (groups.empty()) return false;
    std::uint64_t sequence = settled_from_;
    const Entry* entry = entries.at_or_after(sequence);
    while (entry && entry->needed_by > 0) entry = entries.at_or_after(++sequence);
    settled_from_ = entry ? sequence + 1 : last + 1;
    if (!entry) return false;
    entries.erase(sequence);
  }
  return true;
}

const Entry* Stream::next(Group& group, std::uint64_t& sequence) {
  if (group.delivered == last) return nullptr;
  sequence = group.delivered + 1;
  const Entry* entry = entries.at_or_after(sequence);
  group.delivered = entry ? sequence - 1 : last;
  return entry;
}

void Stream::settled(Group& group, std::uint64_t sequence, const Pending& pending, bool keep_history) {
  group.forget(sequence, pending);
  Entry* entry = entries.find(sequence);
  if (!entry || --entry->needed_by > 0) return;
  if (keep_history) {
    settled_from_ = std::min(settled_from_, sequence);
  } else {
    entries.erase(sequence);
  }
}

TrimReport Stream::trim(const TrimOptions& options, Timestamp now) {
  TrimReport report;
  auto limit = [](std::uint64_t length) { return length > 0 ? length : UINT64_MAX; };
  std::uint64_t wanted = std::min(limit(options.max_length), limit(options.hard_max_length));
  Timestamp oldest = options.max_age.count() > 0 ? now - options.max_age : Timestamp::min();
  // First what nobody needs, so that the hard limit loses as little as it can.
  for (std::uint64_t sequence = 0; const Entry* entry = entries.at_or_after(sequence); ++sequence) {
    if (entries.size() <= wanted && entry->accepted >= oldest) break;
    if (entry->needed_by > 0) continue;
    entries.erase(sequence);
    ++report.trimmed;
  }
  while (entries.size() > limit(options.hard_max_length)) {
    entries.erase(entries.front());
    ++report.trimmed;
    ++report.lost;
  }
  return report;
}

void Stream::call(const void* skipped) {
  for (auto& [name, group] : groups) {
    if (!group.waiters.empty()) group.call(skipped);
  }
}

}  // namespace eventbus::memory
