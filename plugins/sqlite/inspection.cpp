// What the stream tells about itself.
#include <algorithm>

#include "sqlite_backend.hpp"

namespace eventbus::sqlite {
namespace {

constexpr char count_letters[] = "SELECT count(*) FROM dead_letters WHERE stream = ?1";
constexpr char find_stream[] = "SELECT id FROM streams WHERE name = ?1";
constexpr char count_events[] = "SELECT count(*), min(seq), max(seq) FROM events WHERE stream = ?1";
constexpr char list_groups[] =
    "SELECT id, name, delivered, (SELECT count(*) FROM pending WHERE pending.grp = groups.id), "
    "(SELECT count(*) FROM events WHERE events.stream = ?1 AND events.seq > groups.delivered) "
    "FROM groups WHERE stream = ?1 ORDER BY name";
constexpr char list_consumers[] =
    "SELECT name, seen, (SELECT count(*) FROM pending WHERE pending.grp = ?1 AND pending.consumer = consumers.id) "
    "FROM consumers WHERE grp = ?1 ORDER BY name";

}  // namespace

StreamInfo SqliteBackend::stream_info() {
  StreamInfo info;
  look("inspect", [&](Database& database) {
    info = {};
    info.stream = settings_.stream;
    info.dead_letter_stream = settings_.dead_letter_stream;
    Query letters(database, count_letters, settings_.dead_letter_stream);
    letters.next();
    info.dead_letters = letters.natural(0);
    Query stream(database, find_stream, settings_.stream);
    if (!stream.next()) return;
    info.exists = true;
    Query events(database, count_events, stream.integer(0));
    events.next();
    info.length = events.natural(0);
    if (info.length > 0) {
      info.first = Position{events.natural(1), 0};
      info.last = Position{events.natural(2), 0};
    }
    FileLock names;
    names.open(database.file() + "-names", database.file());
    Query groups(database, list_groups, stream.integer(0));
    while (groups.next()) {
      StreamInfo::Group& group = info.groups.emplace_back();
      group.name = groups.text(1);
      group.last_delivered = Position{groups.natural(2), 0};
      group.pending = groups.natural(3);
      group.lag = groups.natural(4);
      Query consumers(database, list_consumers, groups.integer(0));
      while (consumers.next()) {
        // A process that ended without a word leaves its row; it is shown for as long as it holds something.
        if (consumers.integer(2) == 0 && !names.is_taken(name_lock(group.name, consumers.text(0)))) continue;
        auto idle =
            std::chrono::duration_cast<milliseconds>(std::chrono::microseconds(now_us() - consumers.integer(1)));
        group.consumers.push_back(
            {std::string(consumers.text(0)), consumers.natural(2), std::max(idle, milliseconds{0})});
      }
    }
  });
  return info;
}

}  // namespace eventbus::sqlite
