// Appending: each transaction takes along what other publishers bring meanwhile.
#include <algorithm>

#include "headers.hpp"
#include "sqlite_backend.hpp"

namespace eventbus::sqlite {
namespace {

// A transaction holds up every other writer of the file.
constexpr std::size_t chunk_events = 1000;
constexpr std::size_t chunk_bytes = 4u << 20;

constexpr char advance_stream[] =
    "UPDATE streams SET last = last + ?2, accepted = max(accepted, ?3) WHERE name = ?1 RETURNING id, last, accepted";
constexpr char make_stream[] = "INSERT INTO streams (name) VALUES (?1)";
constexpr char insert_event[] =
    "INSERT INTO events (stream, seq, accepted, id, type, aggregate_id, aggregate_type, aggregate_version, "
    "occurred_at, headers, payload) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";

std::size_t size_of(const EventView& event) {
  std::size_t size = event.id.size() + event.type.size() + event.aggregate_id.size() + event.payload.size();
  for (const HeaderView& header : event.headers) size += header.name.size() + header.value.size();
  return size;
}

}  // namespace

// Sequences for `count` events; the first of them. The clock may step back; the order by time and the order by position
// must not part.
SqliteBackend::Place SqliteBackend::advance(Database& database, std::uint64_t count) const {
  for (;;) {
    {
      Query stream(database, advance_stream, settings_.stream, count,
                   std::int64_t{host_.utc_now().time_since_epoch().count()});
      if (stream.next()) {
        return {stream.integer(0), stream.integer(1) - static_cast<std::int64_t>(count) + 1, stream.integer(2)};
      }
    }
    Query(database, make_stream, settings_.stream).run();
  }
}

struct SqliteBackend::Publisher {
  std::span<const EventView> events;
  std::span<AppendResult> results;
  bool done = false;
};

// The first of the publishers who come at the same time writes for all of them: they share one transaction, and with
// `synchronous` full one fsync.
void SqliteBackend::append_views(std::span<const EventView> events, std::span<AppendResult> results) {
  need_open("publish to");
  if (events.empty()) return;
  Publisher mine{events, results};
  std::unique_lock lock(publish_mutex_);
  publishers_.push_back(&mine);
  while (!mine.done) {
    if (publishing_) {
      publish_cv_.wait(lock);
      continue;
    }
    publishing_ = true;
    std::vector<Publisher*> batch(publishers_.begin(), publishers_.end());
    publishers_.clear();
    lock.unlock();
    write_all(batch);
    lock.lock();
    for (Publisher* one : batch) one->done = true;
    publishing_ = false;
    publish_cv_.notify_all();
  }
}

void SqliteBackend::write_all(std::span<Publisher* const> publishers) noexcept {
  std::vector<Append> all;
  for (Publisher* one : publishers) {
    for (std::size_t i = 0; i < one->events.size(); ++i) all.push_back({&one->events[i], &one->results[i]});
  }
  std::lock_guard lock(write_mutex_);
  for (std::size_t begin = 0; begin < all.size();) {
    std::size_t end = begin, bytes = 0;
    while (end < all.size() && end - begin < chunk_events && bytes < chunk_bytes) bytes += size_of(*all[end++].event);
    auto give_up = [&](AppendStatus status, const Error& error) {
      for (std::size_t i = begin; i < end; ++i) *all[i].result = {status, {}, error};
      for (std::size_t i = end; i < all.size(); ++i) *all[i].result = {AppendStatus::rejected, {}, error};
    };
    bool committing = false;
    try {
      write_locked(
          "publish to", [&](Database& database) { insert(database, std::span(all).subspan(begin, end - begin)); },
          committing);
    } catch (const Error& error) {
      return give_up(committing ? AppendStatus::unknown : AppendStatus::rejected, error);
    } catch (const std::exception& error) {
      return give_up(AppendStatus::rejected, Error(ErrorCode::internal, "sqlite: cannot publish to '" +
                                                                            settings_.stream + "': " + error.what()));
    }
    ring();
    begin = end;
  }
}

// An event that SQLite does not take is rejected alone.
void SqliteBackend::insert(Database& database, std::span<const Append> events) const {
  Place at = advance(database, events.size());
  std::string headers;
  for (const auto& [event, result] : events) {
    std::int64_t sequence = at.sequence++;
    encode_headers(event->headers, headers);
    try {
      Query(database, insert_event, at.stream, sequence, at.accepted, event->id, event->type, event->aggregate_id,
            event->aggregate_type, event->aggregate_version,
            std::int64_t{event->occurred_at.time_since_epoch().count()}, headers, Blob{event->payload})
          .run();
      *result = {AppendStatus::written, {static_cast<std::uint64_t>(sequence), 0}, std::nullopt};
    } catch (const Error& error) {
      if (error.code() != ErrorCode::invalid_argument) throw;
      *result = {AppendStatus::rejected, {}, error};
    }
  }
}

}  // namespace eventbus::sqlite
