// The dead letters. No sink is called under a lock.
#include <algorithm>

#include "headers.hpp"
#include "sqlite_backend.hpp"

namespace eventbus::sqlite {
namespace {

constexpr std::uint64_t page_letters = 100;

constexpr char list_letters[] =
    "SELECT id, event_id, type, aggregate_id, aggregate_type, aggregate_version, occurred_at, original, grp, consumer, "
    "handler, attempts, reason, first_failed, last_failed, headers, payload FROM dead_letters "
    "WHERE stream = ?1 AND id >= ?2 AND (?3 = '' OR type = ?3) AND (?4 = '' OR grp = ?4) ORDER BY id LIMIT ?5";
constexpr char replay_letter[] =
    "INSERT INTO events (stream, seq, accepted, id, type, aggregate_id, aggregate_type, aggregate_version, "
    "occurred_at, only_group, headers, payload) SELECT ?3, ?4, ?5, event_id, type, aggregate_id, aggregate_type, "
    "aggregate_version, occurred_at, ?6, headers, payload FROM dead_letters WHERE stream = ?1 AND id = ?2";
constexpr char has_letter[] = "SELECT 1 FROM dead_letters WHERE stream = ?1 AND id = ?2";
constexpr char drop_letter[] = "DELETE FROM dead_letters WHERE stream = ?1 AND id = ?2";
constexpr char drop_old_letters[] = "DELETE FROM dead_letters WHERE stream = ?1 AND last_failed < ?2";
constexpr char drop_all_letters[] = "DELETE FROM dead_letters WHERE stream = ?1";
constexpr char insert_letter[] =
    "INSERT INTO dead_letters (stream, event_id, type, aggregate_id, aggregate_type, aggregate_version, occurred_at, "
    "original, grp, consumer, handler, attempts, reason, first_failed, last_failed, headers, payload) "
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)";

Timestamp time_of(std::int64_t us) { return Timestamp(std::chrono::microseconds(us)); }
std::int64_t us_of(Timestamp time) { return time.time_since_epoch().count(); }

DeadLetter letter_of(const Query& row) {
  DeadLetter letter;
  letter.position = {row.natural(0), 0};
  letter.event.id = row.text(1);
  letter.event.type = row.text(2);
  letter.event.aggregate_id = row.text(3);
  letter.event.aggregate_type = row.text(4);
  letter.event.aggregate_version = row.integer(5);
  letter.event.occurred_at = time_of(row.integer(6));
  letter.original_position = parse_position(row.text(7)).value_or(Position{});
  letter.group = row.text(8);
  letter.consumer = row.text(9);
  letter.handler = row.text(10);
  letter.attempts = static_cast<std::uint32_t>(row.integer(11));
  letter.reason = row.text(12);
  letter.first_failed = time_of(row.integer(13));
  letter.last_failed = time_of(row.integer(14));
  std::string memory;
  std::vector<HeaderView> headers;
  if (decode_headers(row.text(15), memory, headers)) {
    for (const HeaderView& header : headers) letter.event.headers.set(header.name, header.value);
  }
  letter.event.payload.assign(row.text(16));
  return letter;
}

}  // namespace

std::optional<Position> SqliteBackend::list(const DeadLetterQuery& query, Sink& sink) {
  std::uint64_t left = query.limit, from = sequence_from(query.after.next());
  Position last = query.after;
  for (;;) {
    std::vector<DeadLetter> page;
    std::size_t bytes = 0;
    std::uint64_t wanted = std::min(left, page_letters) + 1;  // one more shows whether there is more
    look("list the dead letters of", [&](Database& database) {
      Query rows(database, list_letters, settings_.dead_letter_stream, from, query.type, query.group, wanted);
      while (bytes < enough_bytes && rows.next()) {
        page.push_back(letter_of(rows));
        bytes += page.back().event.payload.bytes().size();
      }
    });
    if (page.empty()) return std::nullopt;
    std::size_t shown = static_cast<std::size_t>(std::min<std::uint64_t>(page.size(), left));
    for (std::size_t i = 0; i < shown; ++i) {
      sink.entry(page[i]);
      last = page[i].position;
    }
    if (shown < page.size()) return last;
    if (page.size() < wanted && bytes < enough_bytes) return std::nullopt;
    left -= shown;
    from = last.high + 1;
  }
}

std::optional<Position> SqliteBackend::replay(Position position, std::string_view only_group) {
  need_open("replay to");
  std::optional<Position> replayed;
  write("replay to", [&](Database& database) {
    replayed.reset();
    if (position.low != 0 || !Query(database, has_letter, settings_.dead_letter_stream, position.high).next()) return;
    Place at = advance(database, 1);
    Query(database, replay_letter, settings_.dead_letter_stream, position.high, at.stream, at.sequence, at.accepted,
          only_group)
        .run();
    Query(database, drop_letter, settings_.dead_letter_stream, position.high).run();
    replayed = Position{static_cast<std::uint64_t>(at.sequence), 0};
  });
  if (replayed) ring();
  return replayed;
}

std::uint64_t SqliteBackend::purge(const PurgeQuery& query) {
  need_open("purge the dead letters of");
  std::int64_t purged = 0;
  write("purge the dead letters of", [&](Database& database) {
    purged = 0;
    auto drop = [&](Query&& statement) {
      statement.run();
      purged += database.changes();
    };
    const std::string& stream = settings_.dead_letter_stream;
    if (query.all) return drop(Query(database, drop_all_letters, stream));
    if (query.older_than) drop(Query(database, drop_old_letters, stream, us_of(*query.older_than)));
    for (const Position& position : query.positions) {
      if (position.low == 0) drop(Query(database, drop_letter, stream, position.high));
    }
  });
  return static_cast<std::uint64_t>(purged);
}

std::uint64_t SqliteBackend::add(std::span<const DeadLetter> entries) {
  need_open("add to the dead letters of");
  write("add to the dead letters of", [&](Database& database) {
    std::string headers;
    std::vector<HeaderView> memory;
    for (const DeadLetter& one : entries) {
      EventView event = view_of(one.event, memory);
      encode_headers(event.headers, headers);
      Query(database, insert_letter, settings_.dead_letter_stream, event.id, event.type, event.aggregate_id,
            event.aggregate_type, event.aggregate_version, us_of(event.occurred_at), to_string(one.original_position),
            one.group, one.consumer, one.handler, one.attempts, one.reason, us_of(one.first_failed),
            us_of(one.last_failed), headers, Blob{event.payload})
          .run();
      limit_dead_letters(database);
    }
  });
  return entries.size();
}

}  // namespace eventbus::sqlite
