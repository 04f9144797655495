// Receiving: settlements and the take in one transaction; waiting for the bell; waking.
#include "sqlite_backend.hpp"

namespace eventbus::sqlite {
namespace {

// Who appends may die between its commit and the bell; then this finds what it left.
constexpr milliseconds look_again{250};

constexpr char next_events[] =
    "SELECT " EVENTBUS_SQLITE_EVENT_COLUMNS " FROM events WHERE stream = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3";
constexpr char hold_event[] = "INSERT INTO pending (grp, seq, consumer, count, since) VALUES (?1, ?2, ?3, 1, ?4)";
constexpr char advance_group[] = "UPDATE groups SET delivered = ?2 WHERE id = ?1";
constexpr char is_behind[] =
    "SELECT EXISTS (SELECT 1 FROM events WHERE stream = ?1 AND seq > groups.delivered) FROM groups WHERE id = ?2";

}  // namespace

void SqliteBackend::receive(std::size_t max, milliseconds wait, std::span<const Settlement> settlements,
                            ReceiveSink& sink) {
  need_consumer("receive from");
  if (max == 0) {  // may overlap another receive, so it keeps off what belongs to that
    if (!settlements.empty()) {
      std::vector<SettleResult> results(settlements.size());
      settle(settlements, results);
      sink.settled(results);
    }
    if (wait.count() > 0) wait_only(wait);
    return;
  }
  rows_.clear();
  if (!settlements.empty()) {
    std::vector<SettleResult> results(settlements.size());
    settle_and_take(max, settlements, results, sink);
    sink.settled(results);
  } else if (is_something_there()) {
    write("receive from", [&](Database& database) { take(database, max); });
  }
  if (rows_.empty() && wait.count() > 0) wait_and_take(max, wait);
  if (!rows_.empty()) sink.delivered(rows_.views());
}

// One transaction for both. If it fails, so have all of the settlements.
void SqliteBackend::settle_and_take(std::size_t max, std::span<const Settlement> settlements,
                                    std::span<SettleResult> results, ReceiveSink& sink) {
  bool committing = false;
  try {
    std::lock_guard lock(write_mutex_);
    write_locked(
        "receive from",
        [&](Database& database) {
          settle_all(database, settlements, results);
          take(database, max);
        },
        committing);
  } catch (const Error& error) {
    rows_.clear();
    if (committing) throw;  // unknown
    for (SettleResult& result : results) result = {SettleStatus::failed, error.retryable(), error.what()};
    sink.settled(results);
    throw;
  }
}

// Reads before it commits: what is handed out then is surely there.
void SqliteBackend::take(Database& database, std::size_t max) {
  std::int64_t delivered = need_group(database);
  std::int64_t time = now_us();
  Query events(database, next_events, me_.stream, delivered, std::uint64_t{max});
  std::int64_t last = delivered;
  while (!rows_.has_enough() && events.next()) {
    last = events.integer(0);
    rows_.add(events, 1);
    Query(database, hold_event, me_.group, last, me_.consumer, time).run();
  }
  if (last == delivered) return;
  Query(database, advance_group, me_.group, last).run();
  note_seen(database, time);
}

// Reads only: an idle consumer writes nothing.
bool SqliteBackend::is_something_there() {
  std::lock_guard lock(look_mutex_);
  if (!looker_ || looker_->is_moved()) looker_ = connect(false);
  looker_->doing = "receive from";
  Query behind(*looker_, is_behind, me_.stream, me_.group);
  return !behind.next() || behind.integer(0) != 0;  // no group: the take says so
}

void SqliteBackend::wait_and_take(std::size_t max, milliseconds wait) {
  auto until = std::chrono::steady_clock::now() + wait;
  Waiting waiting(*this);
  if (waiting.is_over()) return;
  std::uint32_t rings = 0;
  do {
    rings = bell()->rings();
    if (!is_something_there()) continue;
    write("receive from", [&](Database& database) { take(database, max); });
    if (!rows_.empty()) return;
  } while (pause(waiting, rings, until));
}

void SqliteBackend::wait_only(milliseconds wait) {
  auto until = std::chrono::steady_clock::now() + wait;
  Waiting waiting(*this);
  if (waiting.is_over()) return;
  std::uint32_t rings = 0;
  do {
    rings = bell()->rings();
    if (is_something_there()) return;
  } while (pause(waiting, rings, until));
}

// False: the wait is over. A ring since `rings` were counted ends the pause at once.
bool SqliteBackend::pause(Waiting& waiting, std::uint32_t rings, std::chrono::steady_clock::time_point until) {
  auto left = std::chrono::ceil<milliseconds>(until - std::chrono::steady_clock::now());
  if (left.count() <= 0 || waiting.is_over()) return false;
  bell()->wait(rings, std::min(left, look_again));
  return !waiting.is_over();
}

SqliteBackend::Waiting::Waiting(SqliteBackend& backend) : backend_(backend) {
  std::lock_guard lock(backend_.wake_mutex_);
  over_ = std::exchange(backend_.woken_, false);
  backend_.waiting_.push_back(this);
}

SqliteBackend::Waiting::~Waiting() {
  std::lock_guard lock(backend_.wake_mutex_);
  std::erase(backend_.waiting_, this);
}

bool SqliteBackend::Waiting::is_over() const {
  std::lock_guard lock(backend_.wake_mutex_);
  return over_;
}

// The bell is in memory that all processes share: the others who wait look once and wait again.
void SqliteBackend::wake() noexcept {
  {
    std::lock_guard lock(wake_mutex_);
    if (!is_open_) return;
    if (waiting_.empty()) woken_ = true;
    for (Waiting* one : waiting_) one->over_ = true;
  }
  ring();
}

}  // namespace eventbus::sqlite
