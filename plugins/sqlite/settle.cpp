// Settling, and what fences it.
#include <algorithm>

#include "sqlite_backend.hpp"

namespace eventbus::sqlite {
namespace {

constexpr std::size_t chunk_settlements = 1000;

constexpr char find_pending[] =
    "SELECT consumer, count, EXISTS (SELECT 1 FROM events WHERE stream = ?3 AND seq = ?2) "
    "FROM pending WHERE grp = ?1 AND seq = ?2";
constexpr char drop_pending[] = "DELETE FROM pending WHERE grp = ?1 AND seq = ?2";
constexpr char release_pending[] =
    "UPDATE pending SET count = ?3, released = 1, not_before = ?4 WHERE grp = ?1 AND seq = ?2";
constexpr char copy_dead[] =
    "INSERT INTO dead_letters (stream, event_id, type, aggregate_id, aggregate_type, aggregate_version, occurred_at, "
    "original, grp, consumer, handler, attempts, reason, first_failed, last_failed, headers, payload) "
    "SELECT ?3, id, type, aggregate_id, aggregate_type, aggregate_version, occurred_at, ?4, ?5, ?6, ?7, ?8, ?9, ?10, "
    "?11, headers, payload FROM events WHERE stream = ?1 AND seq = ?2";
constexpr char drop_oldest_dead[] =
    "DELETE FROM dead_letters WHERE stream = ?1 AND id <= "
    "(SELECT id FROM dead_letters WHERE stream = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)";

}  // namespace

void SqliteBackend::settle(std::span<const Settlement> settlements, std::span<SettleResult> results) {
  for (std::size_t begin = 0; begin < settlements.size(); begin += chunk_settlements) {
    std::size_t count = std::min(chunk_settlements, settlements.size() - begin);
    auto chunk = results.subspan(begin, count);
    bool committing = false;
    try {
      need_consumer("settle on");
      std::lock_guard lock(write_mutex_);
      write_locked(
          "settle on", [&](Database& database) { settle_all(database, settlements.subspan(begin, count), chunk); },
          committing);
    } catch (const Error& error) {
      SettleStatus status = committing ? SettleStatus::unknown : SettleStatus::failed;
      std::fill(chunk.begin(), chunk.end(), SettleResult{status, error.retryable(), error.what()});
    }
  }
}

void SqliteBackend::settle_all(Database& database, std::span<const Settlement> settlements,
                               std::span<SettleResult> results) const {
  need_group(database);
  std::int64_t time = now_us();
  for (std::size_t i = 0; i < settlements.size(); ++i) results[i] = settle_one(database, settlements[i], time);
  note_seen(database, time);
}

SettleResult SqliteBackend::settle_one(Database& database, const Settlement& settlement, std::int64_t time) const {
  auto answer = [](SettleStatus status) { return SettleResult{status, false, {}}; };
  if (settlement.token.position.low != 0) return answer(SettleStatus::absent);
  std::uint64_t sequence = settlement.token.position.high;
  bool done_with = settlement.action == SettleAction::ack || settlement.action == SettleAction::drop;
  if (done_with && !settlement.guarded) {
    Query(database, drop_pending, me_.group, sequence).run();
    return answer(database.changes() > 0 ? SettleStatus::done : SettleStatus::absent);
  }
  {
    Query pending(database, find_pending, me_.group, sequence, me_.stream);
    if (!pending.next()) return answer(SettleStatus::absent);
    bool mine = pending.integer(0) == me_.consumer && pending.integer(1) == settlement.token.attempt;
    if (!mine) return answer(SettleStatus::not_mine);
    if (!done_with && pending.integer(2) == 0) {
      Query(database, drop_pending, me_.group, sequence).run();
      return answer(SettleStatus::lost);
    }
  }
  if (settlement.action == SettleAction::release) {
    std::int64_t not_before = time + std::chrono::microseconds(settlement.release_delay).count();
    Query(database, release_pending, me_.group, sequence, settlement.release_count, not_before).run();
    return answer(SettleStatus::done);
  }
  if (settlement.action == SettleAction::dead_letter) {
    try {
      bury(database, settlement);
    } catch (const Error& error) {
      // What refuses this one letter leaves the transaction as it was, and the event pending.
      if (!database.in_transaction()) throw;
      return {SettleStatus::failed, error.retryable(), error.what()};
    }
    limit_dead_letters(database);
  }
  Query(database, drop_pending, me_.group, sequence).run();
  return answer(SettleStatus::done);
}

void SqliteBackend::bury(Database& database, const Settlement& settlement) const {
  DeadLetterReason why = settlement.dead ? *settlement.dead : DeadLetterReason{};
  Query(database, copy_dead, me_.stream, settlement.token.position.high, settings_.dead_letter_stream,
        to_string(settlement.token.position), settings_.group, settings_.consumer, why.handler, why.attempts,
        why.reason, std::int64_t{why.first_failed.time_since_epoch().count()},
        std::int64_t{why.last_failed.time_since_epoch().count()})
      .run();
}

void SqliteBackend::limit_dead_letters(Database& database) const {
  if (settings_.dead_letter_max_length == 0) return;
  Query(database, drop_oldest_dead, settings_.dead_letter_stream, settings_.dead_letter_max_length).run();
}

}  // namespace eventbus::sqlite
