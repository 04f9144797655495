// Dead letters, history, inspection, retention and idempotency of a memory stream. No sink is called under a lock.
#include <algorithm>

#include "state.hpp"

namespace eventbus::memory {
namespace {

StreamInfo::Consumer show(const Consumer& consumer, SteadyTime now) {
  auto idle = std::chrono::duration_cast<milliseconds>(now - consumer.seen);
  return {consumer.name, consumer.pending, std::max(idle, milliseconds{0})};
}

StreamInfo::Group show(const std::string& name, const Group& group, const Stream& stream, SteadyTime now) {
  StreamInfo::Group shown;
  shown.name = name;
  shown.pending = group.pending.size();
  shown.lag = stream.entries.count_from(group.delivered + 1);
  shown.last_delivered = Position{group.delivered, 0};
  for (const auto& [key, consumer] : group.consumers) shown.consumers.push_back(show(consumer, now));
  return shown;
}

}  // namespace

std::optional<Position> MemoryBackend::Facets::list(const DeadLetterQuery& query, Sink& sink) {
  state_.need_stream("list the dead letters of");
  std::optional<Position> next;
  std::vector<DeadLetter> page;
  {
    std::lock_guard lock(state_.dead_letters->mutex);
    page = state_.dead_letters->page(query, next);
  }
  for (const DeadLetter& letter : page) sink.entry(letter);
  return next;
}

std::optional<Position> MemoryBackend::Facets::replay(Position position, std::string_view only_group) {
  Stream& stream = state_.need_stream("replay to");
  Timestamp now = state_.host.utc_now();
  std::scoped_lock stream_lock(stream.mutex);
  std::scoped_lock dead_lock(state_.dead_letters->mutex);
  const DeadLetter* letter = state_.dead_letters->find(position);
  if (!letter) return std::nullopt;
  auto stored = std::make_shared<Stored>(Stored{letter->event, std::string(only_group)});
  AppendResult result = state_.append_locked(stored, now);
  if (result.error) throw *result.error;
  state_.dead_letters->erase(position);
  stream.call(nullptr);  // nobody drains after a replay
  return result.position;
}

std::uint64_t MemoryBackend::Facets::purge(const PurgeQuery& query) {
  state_.need_stream("purge the dead letters of");
  std::lock_guard lock(state_.dead_letters->mutex);
  return state_.dead_letters->purge(query);
}

std::uint64_t MemoryBackend::Facets::add(std::span<const DeadLetter> entries) {
  state_.need_stream("add to the dead letters of");
  std::lock_guard lock(state_.dead_letters->mutex);
  for (const DeadLetter& entry : entries) state_.dead_letters->add(entry, state_.settings.dead_letter_max_length);
  return entries.size();
}

std::optional<Position> MemoryBackend::Facets::read(const HistoryQuery& query, DeliverySink& sink) {
  Stream& stream = state_.need_stream("read the history of");
  std::vector<DeliveryView> page;
  std::optional<Position> next;
  {
    std::lock_guard lock(stream.mutex);
    std::uint64_t sequence = sequence_from(query.from);
    for (; const Entry* entry = stream.entries.at_or_after(sequence); ++sequence) {
      if (Position{sequence, 0} > query.to || (query.to_time && entry->accepted >= *query.to_time)) break;
      if (query.from_time && entry->accepted < *query.from_time) continue;
      if (page.size() == query.limit) {
        next = Position{sequence, 0};
        break;
      }
      page.push_back(delivery_of(*entry, sequence, 0));
    }
  }
  if (!page.empty()) sink.delivered(page);
  return next;
}

StreamInfo MemoryBackend::Facets::stream_info() {
  Stream& stream = state_.need_stream("inspect");
  StreamInfo info;
  info.stream = state_.settings.stream;
  info.dead_letter_stream = state_.settings.dead_letter_stream;
  SteadyTime now = state_.host.now();
  std::scoped_lock stream_lock(stream.mutex);
  std::scoped_lock dead_lock(state_.dead_letters->mutex);
  info.exists = stream.last > 0 || !stream.groups.empty();
  info.length = stream.entries.size();
  if (!stream.entries.empty()) {
    info.first = Position{stream.entries.front(), 0};
    info.last = Position{stream.entries.back(), 0};
  }
  info.dead_letters = state_.dead_letters->size();
  for (const auto& [name, group] : stream.groups) info.groups.push_back(show(name, group, stream, now));
  return info;
}

TrimReport MemoryBackend::Facets::trim(const TrimOptions& options) {
  Stream& stream = state_.need_stream("trim");
  std::lock_guard lock(stream.mutex);
  return stream.trim(options, state_.host.utc_now());
}

IdempotencyStore::Claim MemoryBackend::Facets::begin(std::string_view key, std::string_view owner, milliseconds lease) {
  state_.need_stream("claim a key of");
  return state_.keys->begin(key, owner, lease, state_.host.now());
}

void MemoryBackend::Facets::finish(std::string_view key, milliseconds window) {
  state_.need_stream("remember a key of");
  state_.keys->finish(key, window, state_.host.now());
}

void MemoryBackend::Facets::cancel(std::string_view key, std::string_view owner) {
  state_.need_stream("free a key of");
  state_.keys->cancel(key, owner);
}

}  // namespace eventbus::memory
