// Trimming: first what nobody needs, so that the hard limit loses as little as it can.
#include <algorithm>

#include "sqlite_backend.hpp"

namespace eventbus::sqlite {
namespace {

// A transaction holds up every other writer of the file.
constexpr std::uint64_t chunk_events = 2000;

constexpr char find_stream[] = "SELECT id FROM streams WHERE name = ?1";
constexpr char count_events[] = "SELECT count(*) FROM events WHERE stream = ?1";
// Needed is what a group was not handed yet, or holds.
#define EVENTBUS_SQLITE_UNNEEDED                                                                   \
  " FROM events WHERE stream = ?1 "                                                                \
  "AND seq <= ifnull((SELECT min(delivered) FROM groups WHERE stream = ?1), 9223372036854775807) " \
  "AND NOT EXISTS (SELECT 1 FROM groups JOIN pending ON pending.grp = groups.id "                  \
  "AND pending.seq = events.seq WHERE groups.stream = ?1) "
constexpr char drop_unneeded[] =
    "DELETE FROM events WHERE stream = ?1 AND seq IN (SELECT seq" EVENTBUS_SQLITE_UNNEEDED "ORDER BY seq LIMIT ?2)";
constexpr char drop_aged[] = "DELETE FROM events WHERE stream = ?1 AND seq IN (SELECT seq" EVENTBUS_SQLITE_UNNEEDED
                             "AND seq < ?3 ORDER BY seq LIMIT ?2)";
constexpr char drop_oldest[] =
    "DELETE FROM events WHERE stream = ?1 AND seq IN "
    "(SELECT seq FROM events WHERE stream = ?1 ORDER BY seq LIMIT ?2)";

std::uint64_t excess(Database& database, std::int64_t stream, std::uint64_t wanted) {
  if (wanted == 0) return 0;
  Query count(database, count_events, stream);
  count.next();
  return count.natural(0) > wanted ? count.natural(0) - wanted : 0;
}

}  // namespace

// Steps until one has nothing to do, each a transaction.
TrimReport SqliteBackend::trim(const TrimOptions& options) {
  need_open("trim");
  TrimReport report;
  auto step = [&](const std::function<void(Database&, std::int64_t)>& work) {
    std::uint64_t dropped = 0;
    do {
      write("trim", [&](Database& database) {
        dropped = 0;
        Query stream(database, find_stream, settings_.stream);
        if (!stream.next()) return;
        std::int64_t before = database.total_changes();
        work(database, stream.integer(0));
        dropped = static_cast<std::uint64_t>(database.total_changes() - before);
      });
      report.trimmed += dropped;
    } while (dropped == chunk_events);
    return dropped;
  };
  if (options.max_age.count() > 0) {
    Timestamp oldest = host_.utc_now() - options.max_age;
    step([&](Database& database, std::int64_t stream) {
      Query(database, drop_aged, stream, chunk_events, sequence_at(database, stream, oldest)).run();
    });
  }
  std::uint64_t wanted = std::min(options.max_length > 0 ? options.max_length : UINT64_MAX,
                                  options.hard_max_length > 0 ? options.hard_max_length : UINT64_MAX);
  if (wanted != UINT64_MAX) {
    step([&](Database& database, std::int64_t stream) {
      std::uint64_t over = excess(database, stream, wanted);
      if (over > 0) Query(database, drop_unneeded, stream, std::min(over, chunk_events)).run();
    });
  }
  std::uint64_t before = report.trimmed;
  if (options.hard_max_length > 0) {
    step([&](Database& database, std::int64_t stream) {
      std::uint64_t over = excess(database, stream, options.hard_max_length);
      if (over > 0) Query(database, drop_oldest, stream, std::min(over, chunk_events)).run();
    });
  }
  report.lost = report.trimmed - before;
  return report;
}

}  // namespace eventbus::sqlite
