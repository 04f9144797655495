// The consumer: its name, its group, its row in the file.
#include "sqlite_backend.hpp"

namespace eventbus::sqlite {
namespace {

constexpr char find_stream[] = "SELECT id, last FROM streams WHERE name = ?1";
constexpr char make_stream[] = "INSERT INTO streams (name) VALUES (?1)";
constexpr char find_group[] = "SELECT id FROM groups WHERE stream = ?1 AND name = ?2";
constexpr char insert_group[] = "INSERT INTO groups (stream, name, delivered) VALUES (?1, ?2, ?3) RETURNING id";
constexpr char first_event[] = "SELECT min(seq) FROM events WHERE stream = ?1";
constexpr char first_since[] = "SELECT min(seq) FROM events WHERE stream = ?1 AND accepted >= ?2";
constexpr char be_consumer[] =
    "INSERT INTO consumers (grp, name, holder, seen) VALUES (?1, ?2, ?3, ?4) "
    "ON CONFLICT (grp, name) DO UPDATE SET holder = ?3, seen = ?4 RETURNING id";
constexpr char check_consumer[] =
    "SELECT groups.delivered, consumers.holder FROM groups JOIN consumers ON consumers.grp = groups.id "
    "WHERE groups.id = ?1 AND consumers.id = ?2";
constexpr char idle_consumers[] =
    "SELECT id, name FROM consumers WHERE grp = ?1 AND id <> ?2 "
    "AND NOT EXISTS (SELECT 1 FROM pending WHERE pending.grp = ?1 AND pending.consumer = consumers.id)";
constexpr char drop_consumer[] = "DELETE FROM consumers WHERE id = ?1";
constexpr char see_consumer[] = "UPDATE consumers SET seen = ?2 WHERE id = ?1";
constexpr char free_consumer[] = "UPDATE consumers SET holder = '' WHERE id = ?1 AND holder = ?2";
constexpr char drop_if_idle[] =
    "DELETE FROM consumers WHERE id = ?1 AND holder = '' "
    "AND NOT EXISTS (SELECT 1 FROM pending WHERE pending.grp = ?2 AND pending.consumer = ?1)";

}  // namespace

std::uint64_t SqliteBackend::name_lock(std::string_view group, std::string_view consumer) const {
  std::uint64_t hash = stable_hash(settings_.stream + '\0');
  return stable_hash(consumer, stable_hash(std::string(group) + '\0', hash));
}

// The lock is held by the kernel for this process: it ends with it, so a name is free at once after a crash, and is
// never taken from a process that lives.
void SqliteBackend::take_name() {
  std::string file;
  {
    std::lock_guard lock(write_mutex_);
    file = writer_->file();
  }
  bool stays = names_.open(file + "-names", file);
  if (is_consumer_ && stays) return;
  if (!names_.take(name_lock(settings_.group, settings_.consumer))) {
    names_.close();
    throw Error(ErrorCode::conflict, "sqlite: cannot consume '" + settings_.stream + "' as '" + settings_.consumer +
                                         "' in group '" + settings_.group + "' of " + file +
                                         ": another live consumer has that name; give each its own consumer_name");
  }
}

void SqliteBackend::join(Database& database, const StartFrom& start) {
  me_.stream = 0;
  while (me_.stream == 0) {
    Query stream(database, find_stream, settings_.stream);
    if (stream.next()) me_.stream = stream.integer(0);
    if (me_.stream == 0) Query(database, make_stream, settings_.stream).run();
  }
  {
    Query group(database, find_group, me_.stream, settings_.group);
    me_.group = group.next() ? group.integer(0) : 0;
  }
  if (me_.group == 0) {
    // Gone while this backend used it: from the beginning, since duplicates are better than loss.
    me_.group = make_group(database, group_seen_ ? StartFrom::earliest() : start);
    if (group_seen_) host_.signal(BackendSignal::group_recreated, 1);
  }
  group_seen_ = true;
  {
    Query consumer(database, be_consumer, me_.group, settings_.consumer, nonce_, now_us());
    consumer.next();
    me_.consumer = consumer.integer(0);
  }
  forget_gone(database);
}

// Begins behind the last sequence that the group does not want.
std::int64_t SqliteBackend::make_group(Database& database, const StartFrom& start) {
  std::int64_t last = 0;
  {
    Query stream(database, find_stream, settings_.stream);
    if (stream.next()) last = stream.integer(1);
  }
  auto before_first = [&](Query&& query) { return query.next() && !query.is_null(0) ? query.integer(0) - 1 : last; };
  std::int64_t delivered = last;
  switch (start.kind) {
    case StartFrom::Kind::earliest: delivered = before_first(Query(database, first_event, me_.stream)); break;
    case StartFrom::Kind::latest: break;
    case StartFrom::Kind::position:
      if (start.position.high < static_cast<std::uint64_t>(last)) {
        delivered = static_cast<std::int64_t>(start.position.high);
      }
      break;
    case StartFrom::Kind::time:
      delivered = before_first(Query(database, first_since, me_.stream, start.time.time_since_epoch().count()));
      break;
  }
  Query group(database, insert_group, me_.stream, settings_.group, delivered);
  group.next();
  return group.integer(0);
}

// Every call of a consumer begins with this: its rows may have been removed with the file under it, or its name lock
// with the file of names.
std::int64_t SqliteBackend::need_group(Database& database) const {
  Query row(database, check_consumer, me_.group, me_.consumer);
  if (!row.next()) {
    throw Error(ErrorCode::unavailable, std::string("sqlite: cannot ") + database.doing + " '" + settings_.stream +
                                            "': group '" + settings_.group + "' is gone from " + options_.path +
                                            "; it is made again");
  }
  if (row.text(1) != nonce_) {
    throw Error(ErrorCode::conflict, std::string("sqlite: cannot ") + database.doing + " '" + settings_.stream +
                                         "' as '" + settings_.consumer + "' in group '" + settings_.group +
                                         "': another process took the name over");
  }
  return row.integer(0);
}

void SqliteBackend::note_seen(Database& database, std::int64_t time) const {
  Query(database, see_consumer, me_.consumer, time).run();
}

// Consumers of processes that ended without a word, and that hold nothing any more.
void SqliteBackend::forget_gone(Database& database) {
  std::vector<std::int64_t> gone;
  {
    Query idle(database, idle_consumers, me_.group, me_.consumer);
    while (idle.next()) {
      if (!names_.is_taken(name_lock(settings_.group, idle.text(1)))) gone.push_back(idle.integer(0));
    }
  }
  for (std::int64_t consumer : gone) Query(database, drop_consumer, consumer).run();
}

void SqliteBackend::leave() noexcept {
  try {
    write("leave", [&](Database& database) {
      Query(database, free_consumer, me_.consumer, nonce_).run();
      Query(database, drop_if_idle, me_.consumer, me_.group).run();
    });
  } catch (const std::exception& error) {
    host_.log(LogLevel::debug, error.what());  // the name is free all the same
  }
}

}  // namespace eventbus::sqlite
