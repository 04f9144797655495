// Settling, and what fences it.
#include <algorithm>

#include "state.hpp"

namespace eventbus::memory {

// A delivery that this consumer holds under this very count, or null.
Pending* MemoryBackend::State::mine_locked(const Token& token) {
  Pending* pending = token.position.low == 0 ? group->pending.find(token.position.high) : nullptr;
  return pending && pending->consumer == me && pending->count == token.attempt ? pending : nullptr;
}

HoldStatus MemoryBackend::State::hold_locked(const Token& token, Pending*& pending, const Entry*& entry) {
  pending = mine_locked(token);
  if (!pending) return HoldStatus::not_mine;
  entry = stream->entries.find(token.position.high);
  if (entry) return HoldStatus::mine;
  group->forget(token.position.high, *pending);
  return HoldStatus::lost;
}

SettleResult MemoryBackend::State::settle_locked(const Settlement& settlement, SteadyTime now) {
  std::uint64_t sequence = settlement.token.position.high;
  Pending* pending = group->pending.find(sequence);
  if (!pending) return {SettleStatus::absent, false, {}};
  bool done_with = settlement.action == SettleAction::ack || settlement.action == SettleAction::drop;
  bool guarded = settlement.guarded || !done_with;
  if (guarded && !mine_locked(settlement.token)) return {SettleStatus::not_mine, false, {}};
  if (!done_with) {
    const Entry* entry = stream->entries.find(sequence);
    if (!entry) {
      group->forget(sequence, *pending);
      return {SettleStatus::lost, false, {}};
    }
    if (settlement.action == SettleAction::release) {
      pending->count = settlement.release_count;
      pending->released = true;
      pending->not_before = now + settlement.release_delay;
      return {SettleStatus::done, false, {}};
    }
    bury_locked(*entry, settlement);
  }
  stream->settled(*group, sequence, *pending, options.history);
  return {SettleStatus::done, false, {}};
}

void MemoryBackend::State::bury_locked(const Entry& entry, const Settlement& settlement) {
  DeadLetter letter;
  letter.event = entry.stored->event;
  letter.original_position = settlement.token.position;
  letter.group = settings.group;
  letter.consumer = settings.consumer;
  if (const DeadLetterReason* why = settlement.dead) {
    letter.handler = why->handler;
    letter.attempts = why->attempts;
    letter.reason = why->reason;
    letter.first_failed = why->first_failed;
    letter.last_failed = why->last_failed;
  }
  std::lock_guard lock(dead_letters->mutex);
  dead_letters->add(std::move(letter), settings.dead_letter_max_length);
}

void MemoryBackend::settle(std::span<const Settlement> settlements, std::span<SettleResult> results) {
  State& state = *state_;
  if (!state.group) {
    std::string error = "memory: cannot settle on '" + state.settings.stream +
                        "': the backend is not open as a consumer; open it as one first";
    std::fill(results.begin(), results.end(), SettleResult{SettleStatus::failed, false, error});
    return;
  }
  std::lock_guard lock(state.stream->mutex);
  SteadyTime now = state.host.now();
  state.me->seen = now;
  for (std::size_t i = 0; i < settlements.size(); ++i) results[i] = state.settle_locked(settlements[i], now);
}

}  // namespace eventbus::memory
