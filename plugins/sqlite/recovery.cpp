// Taking up what an earlier life or another consumer left, and keeping what is held.
#include <algorithm>

#include "sqlite_backend.hpp"

namespace eventbus::sqlite {
namespace {

// A transaction holds up every other writer of the file.
constexpr std::size_t chunk_tokens = 1000;
// A claim looks at this many entries at most for each that it may take.
constexpr std::size_t checks_a_claim = 10;

constexpr char held_by_me[] =
    "SELECT seq, count FROM pending WHERE grp = ?1 AND seq >= ?2 AND consumer = ?3 ORDER BY seq LIMIT ?4";
constexpr char look_through[] =
    "SELECT seq, consumer, count, released, since, not_before, "
    "EXISTS (SELECT 1 FROM events WHERE events.stream = ?2 AND events.seq = pending.seq) "
    "FROM pending WHERE grp = ?1 AND seq >= ?3 ORDER BY seq LIMIT ?4";
constexpr char find_pending[] =
    "SELECT consumer, count, EXISTS (SELECT 1 FROM events WHERE stream = ?3 AND seq = ?2) "
    "FROM pending WHERE grp = ?1 AND seq = ?2";
constexpr char own_pending[] = "UPDATE pending SET consumer = ?3, since = ?4, released = 0 WHERE grp = ?1 AND seq = ?2";
constexpr char count_pending[] = "UPDATE pending SET count = ?3, since = ?4, released = 0 WHERE grp = ?1 AND seq = ?2";
constexpr char renew_pending[] = "UPDATE pending SET since = ?3 WHERE grp = ?1 AND seq = ?2";
constexpr char drop_pending[] = "DELETE FROM pending WHERE grp = ?1 AND seq = ?2";
constexpr char read_event[] = "SELECT " EVENTBUS_SQLITE_EVENT_COLUMNS " FROM events WHERE stream = ?1 AND seq = ?2";

}  // namespace

Cursor SqliteBackend::resume(std::size_t max, Cursor from, std::vector<Token>& tokens) {
  need_consumer("resume on");
  Cursor next{};
  look("resume on", [&](Database& database) {
    Query held(database, held_by_me, me_.group, sequence_from(from), me_.consumer, std::uint64_t{max} + 1);
    for (std::size_t found = 0; held.next(); ++found) {
      if (found == max) {
        next = {held.natural(0), 0};
        break;
      }
      tokens.push_back({{held.natural(0), 0}, static_cast<std::uint32_t>(held.integer(1))});
    }
  });
  return next;
}

// A pending entry that may be claimed.
struct SqliteBackend::Candidate {
  Token token;
  std::int64_t consumer;
  bool is_lost;
};

std::vector<SqliteBackend::Candidate> SqliteBackend::candidates(Database& database, milliseconds min_idle,
                                                                std::size_t max, Cursor from,
                                                                ClaimResult& result) const {
  std::vector<Candidate> found;
  std::size_t taken = 0;
  std::uint64_t most = std::uint64_t{std::min<std::size_t>(max, 1000000)} * checks_a_claim;
  result = {};
  std::int64_t time = now_us(), idle = std::chrono::microseconds(min_idle).count();
  Query pending(database, look_through, me_.group, me_.stream, sequence_from(from), most + 1);
  while (pending.next()) {
    Position position{pending.natural(0), 0};
    if (taken == max || result.checked == most) {
      result.next = position;
      break;
    }
    ++result.checked;
    bool released = pending.integer(3) != 0;
    if (released ? time < pending.integer(5) : time - pending.integer(4) < idle) continue;
    bool is_lost = pending.integer(6) == 0;
    if (!is_lost) ++taken;
    found.push_back({{position, static_cast<std::uint32_t>(pending.integer(2))}, pending.integer(1), is_lost});
  }
  return found;
}

// Looks before it writes: it is called every second by every consumer, and mostly there is nothing.
ClaimResult SqliteBackend::claim(milliseconds min_idle, std::size_t max, Cursor from) {
  need_consumer("claim on");
  ClaimResult result;
  bool any = false;
  look("claim on", [&](Database& database) {
    need_group(database);
    any = !candidates(database, min_idle, max, from, result).empty();
  });
  if (!any && !(took_from_others_ && result.next == Cursor{})) return result;
  write("claim on", [&](Database& database) {
    need_group(database);
    std::int64_t time = now_us();
    for (const Candidate& one : candidates(database, min_idle, max, from, result)) {
      if (one.is_lost) {
        Query(database, drop_pending, me_.group, one.token.position.high).run();
        result.lost.push_back(one.token.position);
        continue;
      }
      Query(database, own_pending, me_.group, one.token.position.high, me_.consumer, time).run();
      result.tokens.push_back(one.token);
      took_from_others_ = took_from_others_ || one.consumer != me_.consumer;
    }
    note_seen(database, time);
    if (took_from_others_ && result.next == Cursor{}) {
      forget_gone(database);
      took_from_others_ = false;
    }
  });
  return result;
}

// Whether this consumer holds the delivery under this very count. A pending entry that was trimmed away is forgotten.
HoldStatus SqliteBackend::hold(Database& database, const Token& token) const {
  if (token.position.low != 0) return HoldStatus::not_mine;
  Query pending(database, find_pending, me_.group, token.position.high, me_.stream);
  if (!pending.next() || pending.integer(0) != me_.consumer || pending.integer(1) != token.attempt) {
    return HoldStatus::not_mine;
  }
  if (pending.integer(2) != 0) return HoldStatus::mine;
  Query(database, drop_pending, me_.group, token.position.high).run();
  return HoldStatus::lost;
}

void SqliteBackend::redeliver(std::span<const Token> tokens, bool count, std::span<HoldStatus> results,
                              DeliverySink& sink) {
  need_consumer("redeliver from");
  for (std::size_t done = 0; done < tokens.size();) {
    Rows rows;
    std::size_t begin = done;
    write("redeliver from", [&](Database& database) {
      need_group(database);
      std::int64_t time = now_us();
      for (done = begin; done < tokens.size() && done - begin < chunk_tokens && !rows.has_enough(); ++done) {
        const Token& token = tokens[done];
        results[done] = hold(database, token);
        if (results[done] != HoldStatus::mine) continue;
        std::uint32_t attempt = token.attempt + (count ? 1 : 0);
        Query(database, count_pending, me_.group, token.position.high, attempt, time).run();
        Query event(database, read_event, me_.stream, token.position.high);
        event.next();
        rows.add(event, attempt);
      }
      note_seen(database, time);
    });
    if (!rows.empty()) sink.delivered(rows.views());
  }
}

void SqliteBackend::renew(std::span<const Token> tokens, std::span<HoldStatus> results) {
  need_consumer("renew on");
  std::size_t begin = 0;
  do {  // with no tokens it is for the name
    std::size_t end = begin + std::min(chunk_tokens, tokens.size() - begin);
    write("renew on", [&](Database& database) {
      need_group(database);
      std::int64_t time = now_us();
      for (std::size_t i = begin; i < end; ++i) {
        results[i] = hold(database, tokens[i]);
        if (results[i] == HoldStatus::mine) {
          Query(database, renew_pending, me_.group, tokens[i].position.high, time).run();
        }
      }
      note_seen(database, time);
    });
    begin = end;
  } while (begin < tokens.size());
}

}  // namespace eventbus::sqlite
