// The calls of an open backend; settling and recovery have files of their own.
#include <eventbus/memory/memory_backend.hpp>

#include <algorithm>

#include "state.hpp"

namespace eventbus::memory {

MemoryBackend::MemoryBackend(const BackendSettings& settings, BackendHost& host)
    : state_(std::make_unique<State>(settings, host)), facets_(std::make_unique<Facets>(*state_)) {}

MemoryBackend::~MemoryBackend() { close(); }

void MemoryBackend::open(Role role, const StartFrom& start) {
  state_->attach();
  if (role == Role::consumer) state_->take_name(start);
}

void MemoryBackend::append(std::span<Event> events, std::span<AppendResult> results) {
  state_->need_stream("publish to");
  for (std::size_t from = 0; from < events.size(); from += append_chunk) {
    std::size_t count = std::min(append_chunk, events.size() - from);
    state_->append(events.subspan(from, count), results.subspan(from, count));
  }
}

void MemoryBackend::append_views(std::span<const EventView> events, std::span<AppendResult> results) {
  std::vector<Event> copies(events.size());
  for (std::size_t i = 0; i < events.size(); ++i) assign(copies[i], events[i]);
  append(copies, results);
}

void MemoryBackend::receive(std::size_t max, milliseconds wait, std::span<const Settlement> settlements,
                            ReceiveSink& sink) {
  State& state = *state_;
  state.need_group("receive from");
  if (max == 0) {  // may overlap another receive, so it keeps off the memory they use
    if (!settlements.empty()) {
      std::vector<SettleResult> results(settlements.size());
      settle(settlements, results);
      sink.settled(results);
    }
    std::unique_lock lock(state.stream->mutex);
    state.wait_locked(lock, wait, false);
    return;
  }
  if (!settlements.empty()) {
    state.settled.assign(settlements.size(), {});
    settle(settlements, state.settled);
    sink.settled(state.settled);
  }
  state.batch.clear();
  {
    std::unique_lock lock(state.stream->mutex);
    state.wait_locked(lock, wait, true);
    state.take_locked(max, state.batch);
  }
  if (!state.batch.empty()) sink.delivered(state.batch);
  state.batch.clear();
}

void MemoryBackend::wake() noexcept {
  State& state = *state_;
  if (!state.stream) return;
  std::lock_guard lock(state.stream->mutex);
  bool waits = false;
  if (state.group) {
    std::erase_if(state.group->waiters, [&](Waiter* waiter) {
      if (waiter->owner != &state) return false;
      waits = true;
      waiter->called = true;
      waiter->ended = true;
      waiter->arrived.notify_one();
      return true;
    });
  }
  if (!waits) state.woken = true;
}

void MemoryBackend::close() noexcept { state_->detach(); }

Capabilities MemoryBackend::capabilities() const {
  Capabilities capabilities;
  capabilities.competing_consumers = true;
  capabilities.ordered = true;
  capabilities.inline_dispatch = state_->options.inline_dispatch;
  return capabilities;
}

DeadLetterStore* MemoryBackend::dead_letter_store() noexcept { return facets_.get(); }
History* MemoryBackend::history() noexcept { return facets_.get(); }
Inspection* MemoryBackend::inspection() noexcept { return facets_.get(); }
Retention* MemoryBackend::retention() noexcept { return facets_.get(); }
IdempotencyStore* MemoryBackend::idempotency_store() noexcept { return facets_.get(); }

}  // namespace eventbus::memory
