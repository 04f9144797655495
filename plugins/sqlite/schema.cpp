#include "schema.hpp"

#include <fstream>

namespace eventbus::sqlite {
namespace {

// Sequences are dense within a stream and are never given again: the stream's row remembers the last one. `since` and
// `not_before` are microseconds of the machine's monotonic clock, which begins anew with each start of the machine:
// `boot` names the start that they belong to. That clock, and not the time of day, because every process of the machine
// reads the same, it never steps, and the engine measures with it too, so that a lease that the engine takes for young
// is young here as well. (It stands still while the machine sleeps, and so do those who hold the leases.)
constexpr char tables[] = R"(
CREATE TABLE boot (id TEXT NOT NULL);
INSERT INTO boot VALUES ('');
CREATE TABLE streams (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  last INTEGER NOT NULL DEFAULT 0,
  accepted INTEGER NOT NULL DEFAULT 0);
CREATE TABLE events (
  stream INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  accepted INTEGER NOT NULL,
  id TEXT NOT NULL,
  type TEXT NOT NULL,
  aggregate_id TEXT NOT NULL,
  aggregate_type TEXT NOT NULL,
  aggregate_version INTEGER NOT NULL,
  occurred_at INTEGER NOT NULL,
  only_group TEXT NOT NULL DEFAULT '',
  headers TEXT NOT NULL,
  payload BLOB NOT NULL);
CREATE UNIQUE INDEX events_in_order ON events (stream, seq);
CREATE TABLE groups (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  stream INTEGER NOT NULL,
  name TEXT NOT NULL,
  delivered INTEGER NOT NULL,
  UNIQUE (stream, name));
CREATE TABLE consumers (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  grp INTEGER NOT NULL,
  name TEXT NOT NULL,
  holder TEXT NOT NULL,
  seen INTEGER NOT NULL,
  UNIQUE (grp, name));
CREATE TABLE pending (
  grp INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  consumer INTEGER NOT NULL,
  count INTEGER NOT NULL,
  released INTEGER NOT NULL DEFAULT 0,
  since INTEGER NOT NULL,
  not_before INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (grp, seq)) WITHOUT ROWID;
CREATE TABLE dead_letters (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  stream TEXT NOT NULL,
  event_id TEXT NOT NULL,
  type TEXT NOT NULL,
  aggregate_id TEXT NOT NULL,
  aggregate_type TEXT NOT NULL,
  aggregate_version INTEGER NOT NULL,
  occurred_at INTEGER NOT NULL,
  original TEXT NOT NULL,
  grp TEXT NOT NULL,
  consumer TEXT NOT NULL,
  handler TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  reason TEXT NOT NULL,
  first_failed INTEGER NOT NULL,
  last_failed INTEGER NOT NULL,
  headers TEXT NOT NULL,
  payload BLOB NOT NULL);
CREATE INDEX dead_letters_in_order ON dead_letters (stream, id);
PRAGMA application_id = 0x45564253;
PRAGMA user_version = 1;
)";

// Version 2. `ends` is microseconds of UTC.
constexpr char second_version[] = R"(
CREATE TABLE once (
  stream TEXT NOT NULL,
  key TEXT NOT NULL,
  owner TEXT NOT NULL,
  done INTEGER NOT NULL,
  ends INTEGER NOT NULL,
  PRIMARY KEY (stream, key)) WITHOUT ROWID;
CREATE INDEX once_by_end ON once (ends);
PRAGMA user_version = 2;
)";

std::string boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  file >> id;
  return id;
}

[[noreturn]] void refuse(const Database& database, ErrorCode code, const std::string& why) {
  throw Error(code, "sqlite: cannot use " + database.file() + ": " + why);
}

bool is_new(Database& database) {
  return database.number("SELECT count(*) FROM sqlite_master") == 0 && database.number("PRAGMA application_id") == 0 &&
         database.number("PRAGMA user_version") == 0;
}

void check_owner(Database& database) {
  std::int64_t owner = database.number("PRAGMA application_id");
  if (owner != application_id) {
    refuse(database, ErrorCode::invalid_config,
           "it is the database of another application; let backends.sqlite.path name another file");
  }
  std::int64_t version = database.number("PRAGMA user_version");
  if (version > schema_version) {
    refuse(database, ErrorCode::unsupported,
           "its schema is version " + std::to_string(version) + ", and this plugin knows versions up to " +
               std::to_string(schema_version) + "; use the newer plugin that wrote it");
  }
}

void end_old_leases(Database& database) {
  static constexpr char known[] = "SELECT id FROM boot";
  static constexpr char remember[] = "UPDATE boot SET id = ?1";
  // Long before any time of the new clock.
  static constexpr char end_all[] = "UPDATE pending SET since = -1000000000000000, not_before = -1000000000000000";
  const std::string boot = boot_id();
  if (database.text(known) == boot) return;
  Transaction transaction(database);
  Query(database, end_all).run();
  Query(database, remember, boot).run();
  transaction.commit();
}

}  // namespace

void check_file(Database& database) {
  if (!is_new(database)) check_owner(database);
}

void prepare(Database& database, bool upgrade) {
  bool fresh = is_new(database);
  if (!fresh) check_owner(database);
  if (database.text("PRAGMA journal_mode") != "wal" && database.text("PRAGMA journal_mode = WAL") != "wal") {
    refuse(database, ErrorCode::unavailable, "its file system cannot share a write-ahead log; put it on a local disk");
  }
  if (fresh || (upgrade && database.number("PRAGMA user_version") < schema_version)) {
    Transaction transaction(database);
    if (fresh) database.run(tables);
    database.run(second_version);
    transaction.commit();
  }
  end_old_leases(database);
}

}  // namespace eventbus::sqlite
