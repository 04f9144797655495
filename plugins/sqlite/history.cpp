// Reading what the stream keeps, without a group.
#include <algorithm>

#include "sqlite_backend.hpp"

namespace eventbus::sqlite {
namespace {

constexpr std::uint64_t page_events = 500;

constexpr char find_stream[] = "SELECT id FROM streams WHERE name = ?1";
constexpr char at_or_after[] = "SELECT seq, accepted FROM events WHERE stream = ?1 AND seq >= ?2 ORDER BY seq LIMIT 1";
constexpr char last_event[] = "SELECT max(seq) FROM events WHERE stream = ?1";
constexpr char read_events[] = "SELECT " EVENTBUS_SQLITE_EVENT_COLUMNS
                               " FROM events WHERE stream = ?1 AND seq >= ?2 AND seq <= ?3 ORDER BY seq LIMIT ?4";

}  // namespace

// The first sequence whose event was accepted at `time` or later; one past the last where there is none. Times rise
// with sequences, so halving finds it without an index.
std::int64_t SqliteBackend::sequence_at(Database& database, std::int64_t stream, Timestamp time) {
  std::int64_t low = 0, high = 0;  // the answer is in [low, high]
  {
    Query last(database, last_event, stream);
    if (last.next()) high = last.integer(0) + 1;
  }
  while (low < high) {
    std::int64_t middle = low + (high - low) / 2;
    Query event(database, at_or_after, stream, middle);
    if (!event.next() || event.integer(1) >= time.time_since_epoch().count()) {
      high = middle;
    } else {
      low = event.integer(0) + 1;
    }
  }
  return low;
}

std::optional<Position> SqliteBackend::read(const HistoryQuery& query, DeliverySink& sink) {
  std::uint64_t from = sequence_from(query.from), left = query.limit;
  bool first = true;
  std::uint64_t to = query.to.high;
  for (;;) {
    Rows rows;
    std::optional<Position> next;
    look("read the history of", [&](Database& database) {
      Query found(database, find_stream, settings_.stream);
      if (!found.next()) return;
      std::int64_t stream = found.integer(0);
      if (std::exchange(first, false)) {
        auto bound = [&](Timestamp time) { return static_cast<std::uint64_t>(sequence_at(database, stream, time)); };
        if (query.from_time) from = std::max(from, bound(*query.from_time));
        if (query.to_time) {
          std::uint64_t end = bound(*query.to_time);
          if (end == 0) return;
          to = std::min(to, end - 1);
        }
      }
      Query events(database, read_events, stream, from, to, std::min(left, page_events) + 1);
      while (events.next()) {
        if (rows.size() == std::min(left, page_events) || rows.has_enough()) {
          next = Position{events.natural(0), 0};
          break;
        }
        rows.add(events, 0);
      }
    });
    if (!rows.empty()) sink.delivered(rows.views());
    left -= rows.size();
    if (!next || left == 0) return next;
    from = next->high;
  }
}

}  // namespace eventbus::sqlite
