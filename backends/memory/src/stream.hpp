// One stream in memory: entries, groups, pending entries, and who waits for what comes.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <eventbus/backend.hpp>

#include "sequence_map.hpp"

namespace eventbus::memory {

using SteadyTime = std::chrono::steady_clock::time_point;

// What deliveries share; immutable once it is appended.
struct Stored {
  Event event;
  std::string only_group{};
};

struct Entry {
  std::shared_ptr<const Stored> stored;
  Timestamp accepted{};
  std::size_t needed_by = 0;  // groups that did not settle it yet
};

struct Consumer {
  std::string name;
  const void* holder = nullptr;  // the backend that is live under this name
  std::uint64_t pending = 0;
  SteadyTime seen{};
};

struct Pending {
  Consumer* consumer = nullptr;
  std::uint32_t count = 1;
  bool released = false;
  SteadyTime active{};      // delivered or renewed last
  SteadyTime not_before{};  // released: claimable from then on, whatever the lease
};

// A receive that waits. Leaves the list of its group when it is called.
struct Waiter {
  const void* owner = nullptr;
  bool takes = true;  // false: only wants to know
  bool called = false;
  bool ended = false;  // by wake
  std::condition_variable arrived{};
};

struct Group {
  std::uint64_t delivered = 0;  // the last sequence handed out
  SequenceMap<Pending> pending;
  std::map<std::string, Consumer, std::less<>> consumers;
  std::vector<Waiter*> waiters;  // longest waiting first

  Consumer& consumer(const std::string& name);
  void own(Pending& entry, Consumer& consumer);
  void forget(std::uint64_t sequence, const Pending& entry);
  // A consumer that is not live and holds nothing is no more.
  void leave(Consumer& consumer);
  // Calls one waiter that takes, and every one that does not, except `skipped`'s.
  void call(const void* skipped);
};

// Threads: who calls anything here holds `mutex`.
class Stream {
 public:
  std::mutex mutex;
  SequenceMap<Entry> entries;
  std::map<std::string, Group, std::less<>> groups;
  std::uint64_t last = 0;  // the last sequence given

  // Creates the group at `start` if it does not exist.
  Group& join(const std::string& group, const StartFrom& start, bool keep_history);
  std::uint64_t append(std::shared_ptr<const Stored> stored, Timestamp accepted);
  // False: `max_events` are stored and none is settled by every group.
  bool make_room(std::uint64_t max_events);
  // The oldest entry that `group` was not handed yet, or null; moves the group past what was trimmed away.
  const Entry* next(Group& group, std::uint64_t& sequence);
  // The group is done with the pending entry.
  void settled(Group& group, std::uint64_t sequence, const Pending& entry, bool keep_history);
  TrimReport trim(const TrimOptions& options, Timestamp now);
  // After an append. A backend that drains its own group itself is `skipped`.
  void call(const void* skipped);

 private:
  std::uint64_t before(const StartFrom& start);
  void drop_settled();

  std::uint64_t settled_from_ = 0;  // every older entry is needed by a group
};

}  // namespace eventbus::memory
