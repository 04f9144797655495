// The SQLite backend: a bus in one file, shared by the processes of one machine, without a server.
//
// Connections. One writes, for all calls, under a mutex: a file has one write lock, and who meets it held by another
// connection has to poll. One looks whether there is something to receive, one reads for the facets: readers hold up
// nobody. Files. Beside `FILE`, and SQLite's own `FILE-wal` and `FILE-shm`, there are `FILE-bell` (who waits is woken
// through it) and `FILE-names` (consumer names are locks on it, which end with their process).
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <eventbus/backend.hpp>
#include <eventbus/idempotency.hpp>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "bell.hpp"
#include "database.hpp"
#include "file_lock.hpp"
#include "options.hpp"
#include "rows.hpp"

namespace eventbus::sqlite {

class SqliteBackend final : public Backend,
                            public DeadLetterStore,
                            public History,
                            public Inspection,
                            public Retention,
                            public IdempotencyStore {
 public:
  // Throws Error (invalid_config) for a section that the schema does not allow.
  SqliteBackend(const BackendSettings& settings, BackendHost& host);
  ~SqliteBackend() override;

  void open(Role role, const StartFrom& start) override;
  void append_views(std::span<const EventView> events, std::span<AppendResult> results) override;
  void receive(std::size_t max, milliseconds wait, std::span<const Settlement> settlements, ReceiveSink& sink) override;
  Cursor resume(std::size_t max, Cursor from, std::vector<Token>& tokens) override;
  ClaimResult claim(milliseconds min_idle, std::size_t max, Cursor from) override;
  void redeliver(std::span<const Token> tokens, bool count, std::span<HoldStatus> results, DeliverySink& sink) override;
  void renew(std::span<const Token> tokens, std::span<HoldStatus> results) override;
  void settle(std::span<const Settlement> settlements, std::span<SettleResult> results) override;
  void wake() noexcept override;
  void close() noexcept override;
  Capabilities capabilities() const override;
  DeadLetterStore* dead_letter_store() noexcept override { return this; }
  History* history() noexcept override { return this; }
  Inspection* inspection() noexcept override { return this; }
  Retention* retention() noexcept override { return this; }
  IdempotencyStore* idempotency_store() noexcept override { return this; }

  std::optional<Position> list(const DeadLetterQuery& query, Sink& sink) override;
  std::optional<Position> replay(Position position, std::string_view only_group) override;
  std::uint64_t purge(const PurgeQuery& query) override;
  std::uint64_t add(std::span<const DeadLetter> entries) override;
  std::optional<Position> read(const HistoryQuery& query, DeliverySink& sink) override;
  StreamInfo stream_info() override;
  TrimReport trim(const TrimOptions& options) override;
  Claim begin(std::string_view key, std::string_view owner, milliseconds lease) override;
  void finish(std::string_view key, milliseconds window) override;
  void cancel(std::string_view key, std::string_view owner) override;

 private:
  struct Publisher;  // a publisher in the group commit

  // This consumer in the file. Rows get new ids when they are made again.
  struct Me {
    std::int64_t stream = 0;
    std::int64_t group = 0;
    std::int64_t consumer = 0;
  };

  // A receive that waits, for as long as this lives.
  class Waiting {
   public:
    explicit Waiting(SqliteBackend& backend);
    ~Waiting();
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;
    bool is_over() const;  // by wake

   private:
    friend class SqliteBackend;
    SqliteBackend& backend_;
    bool over_ = false;
  };

  using Work = std::function<void(Database&)>;

  // connections.cpp
  void need_open(const char* doing) const;
  void need_consumer(const char* doing) const;
  std::unique_ptr<Database> connect(bool create);
  void open_files();
  void ensure_writer_locked(const char* doing);
  void write(const char* doing, const Work& work);
  void write_locked(const char* doing, const Work& work, bool& committing);
  void look(const char* doing, const Work& work);
  std::shared_ptr<Bell> bell() const;
  void ring() noexcept;
  std::int64_t now_us() const noexcept;  // of leases
  Error closed(const char* doing, const std::string& why) const;

  // consumer.cpp
  std::uint64_t name_lock(std::string_view group, std::string_view consumer) const;
  void take_name();
  void join(Database& database, const StartFrom& start);
  std::int64_t make_group(Database& database, const StartFrom& start);
  void forget_gone(Database& database);
  void leave() noexcept;
  std::int64_t need_group(Database& database) const;  // returns what the group was handed last
  void note_seen(Database& database, std::int64_t time) const;

  // publish.cpp
  // Where the next events of the stream go.
  struct Place {
    std::int64_t stream = 0;
    std::int64_t sequence = 0;
    std::int64_t accepted = 0;
  };
  struct Append {
    const EventView* event;
    AppendResult* result;
  };
  Place advance(Database& database, std::uint64_t count) const;
  void write_all(std::span<Publisher* const> publishers) noexcept;
  void insert(Database& database, std::span<const Append> events) const;

  // receive.cpp
  void settle_and_take(std::size_t max, std::span<const Settlement> settlements, std::span<SettleResult> results,
                       ReceiveSink& sink);
  void take(Database& database, std::size_t max);
  bool is_something_there();
  void wait_and_take(std::size_t max, milliseconds wait);
  void wait_only(milliseconds wait);
  bool pause(Waiting& waiting, std::uint32_t rings, std::chrono::steady_clock::time_point until);

  // recovery.cpp
  HoldStatus hold(Database& database, const Token& token) const;
  struct Candidate;
  std::vector<Candidate> candidates(Database& database, milliseconds min_idle, std::size_t max, Cursor from,
                                    ClaimResult& result) const;

  // settle.cpp
  void settle_all(Database& database, std::span<const Settlement> settlements, std::span<SettleResult> results) const;
  SettleResult settle_one(Database& database, const Settlement& settlement, std::int64_t time) const;
  void bury(Database& database, const Settlement& settlement) const;
  void limit_dead_letters(Database& database) const;

  static std::int64_t sequence_at(Database& database, std::int64_t stream, Timestamp time);  // history.cpp

  const BackendSettings settings_;
  BackendHost& host_;
  const Options options_;
  std::string nonce_;  // this backend as the holder of its name

  mutable std::mutex write_mutex_;  // guards writer_, creates_
  std::unique_ptr<Database> writer_;
  bool creates_ = false;
  std::mutex look_mutex_;  // guards looker_
  std::unique_ptr<Database> looker_;
  std::mutex read_mutex_;  // guards reader_
  std::unique_ptr<Database> reader_;
  mutable std::mutex bell_mutex_;  // guards bell_, which changes with write_mutex_ held as well
  std::shared_ptr<Bell> bell_;

  // Publishers go on while the receiving thread opens again what was lost.
  std::atomic<bool> is_open_{false};
  std::atomic<bool> is_consumer_{false};
  bool group_seen_ = false;
  Me me_;  // written by open alone
  FileLock names_;

  Rows rows_;                      // of the receiving thread
  bool took_from_others_ = false;  // the same

  std::mutex wake_mutex_;  // guards the two below, and whether each wait is over
  std::vector<Waiting*> waiting_;
  bool woken_ = false;

  std::mutex publish_mutex_;  // guards the two below
  std::condition_variable publish_cv_;
  std::deque<Publisher*> publishers_;
  bool publishing_ = false;
};

// The first sequence at `position` or after it.
inline std::uint64_t sequence_from(const Position& position) {
  return position.low == 0 || position.high == UINT64_MAX ? position.high : position.high + 1;
}

}  // namespace eventbus::sqlite
