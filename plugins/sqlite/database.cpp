#include "database.hpp"

#include <sqlite3.h>

#include <cstring>
#include <thread>

namespace eventbus::sqlite {

// Called by SQLite while another connection has the lock that this one wants.
struct BusyWait {
  static int again(void* database, int tries) {
    auto& self = *static_cast<Database*>(database);
    auto time = std::chrono::steady_clock::now();
    if (tries == 0) self.busy_since_ = time;
    if (time - self.busy_since_ >= self.options_.busy_timeout) return 0;
    if (self.on_long_wait && time - self.busy_since_ >= std::chrono::milliseconds(20)) self.on_long_wait();
    // A transaction takes tens of microseconds where it needs no fsync: SQLite's own steps, from 1 ms on, are long.
    std::this_thread::sleep_for(std::chrono::microseconds(tries < 20 ? 50 : 500));
    return 1;
  }
};

Database::Database(const Options& options, std::string subject, bool create)
    : options_(options), subject_(std::move(subject)) {
  int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (create ? SQLITE_OPEN_CREATE : 0);
  int code = sqlite3_open_v2(options_.path.c_str(), &handle_, flags, nullptr);
  if (code != SQLITE_OK) {
    Error why = error(handle_ ? sqlite3_extended_errcode(handle_) : code);
    sqlite3_close(handle_);
    throw why;
  }
  sqlite3_extended_result_codes(handle_, 1);
  sqlite3_busy_handler(handle_, &BusyWait::again, this);
}

Database::~Database() {
  for (auto& [sql, statement] : statements_) sqlite3_finalize(statement);
  sqlite3_close(handle_);
}

void Database::run(const char* sql) {
  int code = sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) throw error(code);
}

std::int64_t Database::number(const char* sql) {
  Query query(*this, sql);
  return query.next() ? query.integer(0) : 0;
}

std::string Database::text(const char* sql) {
  Query query(*this, sql);
  return query.next() ? std::string(query.text(0)) : std::string();
}

std::string Database::file() const {
  const char* name = sqlite3_db_filename(handle_, "main");
  return name && *name ? name : options_.path;
}

bool Database::is_moved() const {
  int moved = 0;
  return sqlite3_file_control(handle_, "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK && moved != 0;
}

std::int64_t Database::changes() const { return sqlite3_changes(handle_); }

std::int64_t Database::total_changes() const { return sqlite3_total_changes(handle_); }

bool Database::in_transaction() const { return sqlite3_get_autocommit(handle_) == 0; }

bool Database::is_full() const { return (sqlite3_errcode(handle_) & 0xff) == SQLITE_FULL; }

sqlite3_stmt* Database::prepared(const char* sql) {
  sqlite3_stmt*& statement = statements_[sql];
  if (!statement) {
    int code = sqlite3_prepare_v3(handle_, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
    if (code != SQLITE_OK) {
      statements_.erase(sql);
      throw error(code);
    }
  }
  return statement;
}

Error Database::error(int code) const {
  std::string begin = std::string("sqlite: cannot ") + doing + " '" + subject_ + "' in " + options_.path + ": ";
  std::string cause = handle_ ? sqlite3_errmsg(handle_) : sqlite3_errstr(code);
  auto with = [&](ErrorCode kind, bool retryable, const std::string& text) {
    return Error(kind, begin + text, retryable);
  };
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return with(ErrorCode::unavailable, true,
                  "another process kept it locked for " + std::to_string(options_.busy_timeout.count()) +
                      " ms; end what keeps it, or raise backends.sqlite.busy_timeout_ms");
    case SQLITE_FULL: return with(ErrorCode::unavailable, true, "the disk is full; make room on it");
    case SQLITE_CANTOPEN: {
      int number = handle_ ? sqlite3_system_errno(handle_) : 0;
      return with(ErrorCode::unavailable, true,
                  (number != 0 ? std::string(std::strerror(number)) : cause) +
                      "; its folder must exist, and this process must be able to write in it");
    }
    case SQLITE_READONLY:
      if (code == SQLITE_READONLY_DBMOVED) {
        return with(ErrorCode::unavailable, true, "the file was moved or deleted while it was open");
      }
      return with(ErrorCode::unavailable, true,
                  cause + "; this process must be able to write the file and in its folder");
    case SQLITE_PERM:
    case SQLITE_AUTH: return with(ErrorCode::unavailable, true, cause + "; see the rights of the file");
    case SQLITE_NOTADB:
      return with(ErrorCode::invalid_config, false,
                  "the file is not a SQLite database; let backends.sqlite.path name another one");
    case SQLITE_CORRUPT:
      return with(ErrorCode::internal, false,
                  "the file is damaged (" + cause +
                      "); restore it from a copy, or save what is readable with "
                      "`sqlite3 FILE .recover`");
    case SQLITE_TOOBIG: return with(ErrorCode::invalid_argument, false, "it is too big for SQLite; send less at once");
    case SQLITE_IOERR:
    case SQLITE_NOMEM:
    case SQLITE_PROTOCOL:
      return with(ErrorCode::unavailable, true, cause + "; see the disk and the memory of this machine");
    default: return with(ErrorCode::internal, false, cause + " (SQLite's code " + std::to_string(code) + ")");
  }
}

bool Query::next() {
  int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) throw database_.error(code);
  return false;
}

std::int64_t Query::integer(int column) const { return sqlite3_column_int64(statement_, column); }

std::string_view Query::text(int column) const {
  // Asked for as it is stored: no conversion.
  const void* bytes = sqlite3_column_blob(statement_, column);
  auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
  return size == 0 ? std::string_view() : std::string_view(static_cast<const char*>(bytes), size);
}

bool Query::is_null(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }

void Query::bind(int at, std::int64_t value) { check(sqlite3_bind_int64(statement_, at, value)); }

void Query::bind(int at, std::string_view value) {
  check(sqlite3_bind_text64(statement_, at, value.empty() ? "" : value.data(), value.size(), SQLITE_TRANSIENT,
                            SQLITE_UTF8));
}

void Query::bind(int at, Blob value) {
  check(sqlite3_bind_blob64(statement_, at, value.bytes.empty() ? "" : value.bytes.data(), value.bytes.size(),
                            SQLITE_STATIC));
}

void Query::bind(int at, std::nullopt_t) { check(sqlite3_bind_null(statement_, at)); }

void Query::reset() noexcept {
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

// A bind that fails leaves the statement fit for the next use.
void Query::check(int code) const {
  if (code == SQLITE_OK) return;
  Error error = database_.error(code);
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
  throw error;
}

namespace {
constexpr char begin_writing_sql[] = "BEGIN IMMEDIATE";
constexpr char begin_reading_sql[] = "BEGIN";
constexpr char commit_sql[] = "COMMIT";
constexpr char rollback_sql[] = "ROLLBACK";
}  // namespace

Transaction::Transaction(Database& database, Kind kind) : database_(database) {
  Query(database_, kind == Kind::write ? begin_writing_sql : begin_reading_sql).run();
}

Transaction::~Transaction() {
  if (!database_.in_transaction()) return;
  try {
    Query(database_, rollback_sql).run();
  } catch (const std::exception&) {
    // SQLite undid it by itself.
  }
}

void Transaction::commit() { Query(database_, commit_sql).run(); }

}  // namespace eventbus::sqlite
