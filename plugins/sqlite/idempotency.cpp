// What handlers are done with: a row a key of the stream, until its time is over. By the time of day, since a window is
// longer than the machine may run.
#include "sqlite_backend.hpp"

namespace eventbus::sqlite {
namespace {

// Old rows go as new ones come, some at a time: a transaction holds up every other writer of the file.
constexpr char forget_some[] =
    "DELETE FROM once WHERE (stream, key) IN (SELECT stream, key FROM once WHERE ends <= ?1 LIMIT 100)";
constexpr char find_key[] = "SELECT done FROM once WHERE stream = ?1 AND key = ?2 AND ends > ?3";
constexpr char put_key[] = "INSERT OR REPLACE INTO once (stream, key, owner, done, ends) VALUES (?1, ?2, ?3, ?4, ?5)";
constexpr char free_key[] = "DELETE FROM once WHERE stream = ?1 AND key = ?2 AND owner = ?3 AND done = 0";

std::int64_t after(std::int64_t now, milliseconds time) {
  return now + std::chrono::duration_cast<std::chrono::microseconds>(time).count();
}

}  // namespace

IdempotencyStore::Claim SqliteBackend::begin(std::string_view key, std::string_view owner, milliseconds lease) {
  need_open("claim a key of");
  Claim claim = Claim::fresh;
  write("claim a key of", [&](Database& database) {
    const std::int64_t now = host_.utc_now().time_since_epoch().count();
    Query(database, forget_some, now).run();
    Query known(database, find_key, settings_.stream, key, now);
    if (known.next()) {
      claim = known.integer(0) != 0 ? Claim::done : Claim::busy;
      return;
    }
    Query(database, put_key, settings_.stream, key, owner, 0, after(now, lease)).run();
  });
  return claim;
}

void SqliteBackend::finish(std::string_view key, milliseconds window) {
  need_open("remember a key of");
  write("remember a key of", [&](Database& database) {
    const std::int64_t now = host_.utc_now().time_since_epoch().count();
    Query(database, put_key, settings_.stream, key, std::string_view(), 1, after(now, window)).run();
  });
}

void SqliteBackend::cancel(std::string_view key, std::string_view owner) {
  need_open("free a key of");
  write("free a key of", [&](Database& database) { Query(database, free_key, settings_.stream, key, owner).run(); });
}

}  // namespace eventbus::sqlite
