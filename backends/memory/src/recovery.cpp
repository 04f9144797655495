// Taking up what an earlier life or another consumer left, and keeping what is held.
#include "state.hpp"

namespace eventbus::memory {
namespace {

// A claim looks at this many entries at most for each that it may take, so that a long list of what others hold does
// not keep the stream locked.
constexpr std::size_t checks_a_claim = 10;

bool claimable(const Pending& pending, SteadyTime now, milliseconds min_idle) {
  return pending.released ? now >= pending.not_before : now - pending.active >= min_idle;
}

}  // namespace

Cursor MemoryBackend::resume(std::size_t max, Cursor from, std::vector<Token>& tokens) {
  State& state = *state_;
  Group& group = state.need_group("resume on");
  std::lock_guard lock(state.stream->mutex);
  state.me->seen = state.host.now();
  std::size_t found = 0;
  std::uint64_t sequence = sequence_from(from);
  for (; const Pending* pending = group.pending.at_or_after(sequence); ++sequence) {
    if (pending->consumer != state.me) continue;
    if (found == max) return {sequence, 0};
    tokens.push_back({{sequence, 0}, pending->count});
    ++found;
  }
  return Position::first();
}

ClaimResult MemoryBackend::claim(milliseconds min_idle, std::size_t max, Cursor from) {
  State& state = *state_;
  Group& group = state.need_group("claim on");
  std::lock_guard lock(state.stream->mutex);
  SteadyTime now = state.host.now();
  state.me->seen = now;
  ClaimResult result;
  std::uint64_t sequence = sequence_from(from);
  for (; Pending* pending = group.pending.at_or_after(sequence); ++sequence) {
    if (result.tokens.size() == max || result.checked == max * checks_a_claim) {
      result.next = {sequence, 0};
      return result;
    }
    ++result.checked;
    if (!claimable(*pending, now, min_idle)) continue;
    if (!state.stream->entries.find(sequence)) {
      group.forget(sequence, *pending);
      result.lost.push_back({sequence, 0});
      continue;
    }
    group.own(*pending, *state.me);
    pending->active = now;
    pending->released = false;
    result.tokens.push_back({{sequence, 0}, pending->count});
  }
  return result;
}

void MemoryBackend::redeliver(std::span<const Token> tokens, bool count, std::span<HoldStatus> results,
                              DeliverySink& sink) {
  State& state = *state_;
  state.need_group("redeliver from");
  std::vector<DeliveryView> batch;
  {
    std::lock_guard lock(state.stream->mutex);
    SteadyTime now = state.host.now();
    state.me->seen = now;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      Pending* pending = nullptr;
      const Entry* entry = nullptr;
      results[i] = state.hold_locked(tokens[i], pending, entry);
      if (results[i] != HoldStatus::mine) continue;
      if (count) ++pending->count;
      pending->active = now;
      pending->released = false;
      batch.push_back(delivery_of(*entry, tokens[i].position.high, pending->count));
    }
  }
  if (!batch.empty()) sink.delivered(batch);
}

void MemoryBackend::renew(std::span<const Token> tokens, std::span<HoldStatus> results) {
  State& state = *state_;
  state.need_group("renew on");
  std::lock_guard lock(state.stream->mutex);
  SteadyTime now = state.host.now();
  state.me->seen = now;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    Pending* pending = nullptr;
    const Entry* entry = nullptr;
    results[i] = state.hold_locked(tokens[i], pending, entry);
    if (results[i] == HoldStatus::mine) pending->active = now;
  }
}

}  // namespace eventbus::memory
