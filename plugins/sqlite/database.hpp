// One SQLite connection: prepared statements, transactions, and errors as eventbus::Error. SQLite's own header is
// included by database.cpp alone.
#pragma once

#include <chrono>
#include <cstdint>
#include <eventbus/error.hpp>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "options.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace eventbus::sqlite {

// Bytes to bind as a BLOB, not as TEXT.
struct Blob {
  std::string_view bytes;
};

// Threads: one at a time. What it does is named by `doing`, for its errors: "publish to".
class Database {
 public:
  // Makes the file if `create`. Throws Error.
  Database(const Options& options, std::string subject, bool create);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  void run(const char* sql);  // any statements, without results
  std::int64_t number(const char* sql);
  std::string text(const char* sql);

  // The file under the connection, symbolic links resolved.
  std::string file() const;
  // Whether the file was moved, replaced or deleted since it was opened.
  bool is_moved() const;
  std::int64_t changes() const;        // rows that the last statement changed
  std::int64_t total_changes() const;  // rows that all statements changed
  bool in_transaction() const;
  bool is_full() const;  // whether the last call failed for want of room on the disk

  Error error(int code) const;
  const char* doing = "open";
  std::function<void()> on_long_wait;  // called again and again while it waits for the lock for more than a moment

 private:
  friend class Query;
  friend struct BusyWait;
  sqlite3_stmt* prepared(const char* sql);

  const Options options_;
  const std::string subject_;
  sqlite3* handle_ = nullptr;
  std::unordered_map<const char*, sqlite3_stmt*> statements_;  // by the address of their text
  std::chrono::steady_clock::time_point busy_since_{};
};

// A prepared statement in use. `sql` is a text that lives as long as the program. What is bound as a Blob must live as
// long as the query; texts are copied. Parameters are ?1, ?2, ...
class Query {
 public:
  template <class... Values>
  Query(Database& database, const char* sql, const Values&... values)
      : database_(database), statement_(database.prepared(sql)) {
    bind_all(values...);
  }
  ~Query() { reset(); }
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;

  // The same statement with other values.
  template <class... Values>
  Query& again(const Values&... values) {
    reset();
    bind_all(values...);
    return *this;
  }

  bool next();  // true: there is a row
  void run() {
    while (next()) {
    }
  }

  // Columns of the row, from 0. Views live until the next step.
  std::int64_t integer(int column) const;
  std::uint64_t natural(int column) const { return static_cast<std::uint64_t>(integer(column)); }
  std::string_view text(int column) const;
  bool is_null(int column) const;

 private:
  template <class... Values>
  void bind_all(const Values&... values) {
    int at = 0;
    (bind(++at, values), ...);
  }
  void bind(int at, std::int64_t value);
  void bind(int at, std::uint64_t value) {
    bind(at, static_cast<std::int64_t>(value > INT64_MAX ? static_cast<std::uint64_t>(INT64_MAX) : value));
  }
  void bind(int at, std::uint32_t value) { bind(at, static_cast<std::int64_t>(value)); }
  void bind(int at, int value) { bind(at, static_cast<std::int64_t>(value)); }
  void bind(int at, std::string_view value);
  void bind(int at, const std::string& value) { bind(at, std::string_view(value)); }
  void bind(int at, Blob value);
  void bind(int at, std::nullopt_t);
  void reset() noexcept;
  void check(int code) const;

  Database& database_;
  sqlite3_stmt* statement_;
};

// Undone unless it is committed. A writing one takes the database's one write lock at once, so that nothing in it meets
// SQLITE_BUSY later; a reading one sees one state of the file.
class Transaction {
 public:
  enum class Kind { write, read };
  explicit Transaction(Database& database, Kind kind = Kind::write);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  void commit();

 private:
  Database& database_;
};

}  // namespace eventbus::sqlite
