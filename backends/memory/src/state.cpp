// Opening and closing, appending and taking.
#include "state.hpp"

#include <array>

namespace eventbus::memory {

void MemoryBackend::State::attach() {
  if (stream) return;
  broker = Broker::get(options.broker);
  dead_letters = broker->dead_letters(settings.dead_letter_stream);
  keys = broker->keys(settings.stream);
  stream = broker->stream(settings.stream);
}

void MemoryBackend::State::take_name(const StartFrom& start) {
  std::lock_guard lock(stream->mutex);
  auto known = stream->groups.find(settings.group);
  if (known != stream->groups.end()) {
    auto taken = known->second.consumers.find(settings.consumer);
    if (taken != known->second.consumers.end() && taken->second.holder && taken->second.holder != this) {
      throw Error(ErrorCode::conflict, "memory: cannot consume '" + settings.stream + "' as '" + settings.consumer +
                                           "' in group '" + settings.group +
                                           "': another bus of this process has that name; give each bus a "
                                           "consumer_name of its own");
    }
  }
  group = &stream->join(settings.group, start, options.history);
  me = &group->consumer(settings.consumer);
  me->holder = this;
  me->seen = host.now();
}

void MemoryBackend::State::detach() noexcept {
  if (!stream) return;
  {
    std::lock_guard lock(stream->mutex);
    if (me) {
      me->holder = nullptr;
      group->leave(*me);
    }
    woken = false;
  }
  group = nullptr;
  me = nullptr;
  stream.reset();
  dead_letters.reset();
  keys.reset();
  broker.reset();
}

Stream& MemoryBackend::State::need_stream(std::string_view to_do) const {
  if (!stream) {
    throw Error(ErrorCode::closed, "memory: cannot " + std::string(to_do) + " '" + settings.stream +
                                       "': the backend is closed; open it first");
  }
  return *stream;
}

Group& MemoryBackend::State::need_group(std::string_view to_do) const {
  need_stream(to_do);
  if (!group) {
    throw Error(ErrorCode::closed, "memory: cannot " + std::string(to_do) + " '" + settings.stream +
                                       "': the backend is not open as a consumer; open it as one first");
  }
  return *group;
}

// Room for the events is made before the lock is taken.
void MemoryBackend::State::append(std::span<Event> events, std::span<AppendResult> results) {
  std::array<std::shared_ptr<Stored>, append_chunk> stored;
  for (std::size_t i = 0; i < events.size(); ++i) stored[i] = std::make_shared<Stored>();
  for (std::size_t i = 0; i < events.size(); ++i) stored[i]->event = std::move(events[i]);
  Timestamp now = host.utc_now();
  bool any = false;
  {
    std::lock_guard lock(stream->mutex);
    for (std::size_t i = 0; i < events.size(); ++i) {
      results[i] = append_locked(stored[i], now);
      any = any || results[i].status == AppendStatus::written;
    }
    if (any) stream->call(skipped());
  }
  for (std::size_t i = 0; i < events.size(); ++i) {
    if (stored[i]) events[i] = std::move(stored[i]->event);
  }
}

// Takes `stored` only if it is written.
AppendResult MemoryBackend::State::append_locked(std::shared_ptr<Stored>& stored, Timestamp now) {
  if (stream->entries.size() >= options.max_events && !stream->make_room(options.max_events)) return full_locked();
  return {AppendStatus::written, {stream->append(std::move(stored), now), 0}, std::nullopt};
}

AppendResult MemoryBackend::State::full_locked() const {
  Error error(ErrorCode::backpressure, "memory: cannot publish to '" + settings.stream +
                                           "': " + std::to_string(stream->entries.size()) +
                                           " events are stored and none is settled by every group; consume, or raise "
                                           "backends.memory.max_events");
  return {AppendStatus::rejected, {}, std::move(error)};
}

// Leaves the wake for the next receive where this one does not wait: it ends at once anyway.
void MemoryBackend::State::wait_locked(std::unique_lock<std::mutex>& lock, milliseconds wait, bool takes) {
  auto deadline = std::chrono::steady_clock::now() + wait;
  std::uint64_t sequence = 0;
  bool waiting = wait.count() > 0;
  while (waiting && !woken && !stream->next(*group, sequence)) {
    Waiter waiter{this, takes};
    group->waiters.push_back(&waiter);
    waiting = waiter.arrived.wait_until(lock, deadline, [&] { return waiter.called; });
    if (!waiting) std::erase(group->waiters, &waiter);
    if (waiter.ended) return;
  }
  if (wait.count() > 0) woken = false;
}

void MemoryBackend::State::take_locked(std::size_t max, std::vector<DeliveryView>& into) {
  SteadyTime now = host.now();
  me->seen = now;
  std::uint64_t sequence = 0;
  const Entry* entry = nullptr;
  while (into.size() < max && (entry = stream->next(*group, sequence))) {
    group->pending.put(sequence, {me, 1, false, now, {}});
    ++me->pending;
    group->delivered = sequence;
    into.push_back(delivery_of(*entry, sequence, 1));
  }
  // An append calls one waiter; whoever leaves something behind calls the next.
  if (!group->waiters.empty() && stream->next(*group, sequence)) group->call(this);
}

}  // namespace eventbus::memory
