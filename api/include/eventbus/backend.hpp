// The driver: what carries events. A backend is a transport with durable state and nothing more: it never sees a
// handler and decides no policy. The engine owns all clocks, timers, retries, limits and counters; a backend owns
// connections, encodings and atomicity. Who writes one derives from Backend and ends the file with EVENTBUS_PLUGIN
// (plugin.hpp).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <eventbus/error.hpp>
#include <eventbus/event.hpp>
#include <eventbus/idempotency.hpp>
#include <eventbus/position.hpp>
#include <eventbus/stats.hpp>
#include <eventbus/stored.hpp>

namespace eventbus {

using std::chrono::milliseconds;

struct HeaderView {
  std::string_view name;
  std::string_view value;
};

// An event whose memory belongs to somebody else. Lives for the call it is handed to.
struct EventView {
  std::string_view id;
  std::string_view type;
  std::string_view aggregate_id;
  std::string_view aggregate_type;
  std::int64_t aggregate_version = 0;
  Timestamp occurred_at{};
  std::span<const HeaderView> headers;
  std::string_view payload;
};

// Names one delivery to one consumer: the position, and the delivery count as a fence. A token is stale once the event
// was delivered again or belongs to another consumer.
struct Token {
  Position position;
  std::uint32_t attempt = 0;

  friend bool operator==(const Token&, const Token&) = default;
};

// What a backend hands to the engine. Everything in it lives for the sink call; the engine copies what it keeps.
struct DeliveryView {
  Token token;
  EventView event;
  // In-process backends may share the event instead: `event` is then left empty, and nothing is copied or encoded.
  std::shared_ptr<const Event> shared;
  // Not empty: the entry is no event (foreign, truncated); this says why, and `event` holds what could be read.
  std::string_view undecodable;
  // Not empty: replayed for this group alone; every other group skips it.
  std::string_view only_group;
};

enum class AppendStatus : std::int32_t {
  written = 1,
  rejected = 2,  // surely not written
  unknown = 3,   // the answer was lost
};

struct AppendResult {
  AppendStatus status = AppendStatus::rejected;
  Position position{};
  std::optional<Error> error;  // set unless written
};

enum class SettleAction : std::int32_t {
  ack = 1,          // done with it
  dead_letter = 2,  // move it to the dead letters and be done with it, in one atomic step; pending if that step fails
  release = 3,      // give it back to the group
  drop = 4,         // as ack, after the last failed attempt where dead letters are disabled
};

// Why an event is dead. Views live for the call.
struct DeadLetterReason {
  std::string_view handler;  // may be empty
  std::string_view reason;
  std::uint32_t attempts = 0;
  Timestamp first_failed{};
  Timestamp last_failed{};
};

struct Settlement {
  Token token;
  SettleAction action = SettleAction::ack;
  // The lease may have run out: settle only if this consumer still owns the delivery and its count is the token's.
  // Dead letters and releases are always guarded; an unguarded ack is the fast path, right after the receive.
  bool guarded = false;
  // release: the delivery count to leave behind, so that what was never started is not charged; the next delivery
  // counts one more.
  std::uint32_t release_count = 0;
  // release: not to be claimed before this has passed; at most the lease.
  milliseconds release_delay{0};
  const DeadLetterReason* dead = nullptr;  // dead_letter: set
};

enum class SettleStatus : std::int32_t {
  done = 1,
  absent = 2,    // not pending any more: settled before, maybe by a call whose answer was lost
  not_mine = 3,  // another consumer has it, or it was delivered again: no effect
  lost = 4,      // trimmed away while pending; no longer pending
  failed = 5,    // refused, still pending; `retryable` says whether to try again
  unknown = 6,   // the answer was lost; try again, guarded
};

struct SettleResult {
  SettleStatus status = SettleStatus::failed;
  bool retryable = false;  // failed: whether it may work later
  std::string error;       // failed and unknown: why
};

enum class HoldStatus : std::int32_t {
  mine = 1,      // renewed, or delivered
  not_mine = 2,  // belongs to another consumer, was delivered again, or was settled
  lost = 3,      // trimmed away while pending; no longer pending
};

class DeliverySink {
 public:
  // Called any number of times, on the calling thread, with deliveries in stream order. Must not call the backend.
  virtual void delivered(std::span<const DeliveryView> batch) = 0;

 protected:
  ~DeliverySink() = default;
};

class ReceiveSink : public DeliverySink {
 public:
  // Called once if there were settlements, before the wait for deliveries begins: one result a settlement, in order.
  virtual void settled(std::span<const SettleResult> results) = 0;

 protected:
  ~ReceiveSink() = default;
};

// A place in a scan over what is pending. Position::first() begins it; a scan that returned Position::first() wrapped.
using Cursor = Position;

struct ClaimResult {
  std::vector<Token> tokens;   // now this consumer's, delivery counts unchanged
  std::vector<Position> lost;  // were pending and trimmed away; no longer pending
  std::uint64_t checked = 0;   // pending entries looked at
  Cursor next{};
};

enum class Role : std::int32_t {
  publisher = 1,  // creates nothing
  inspector = 2,  // creates nothing
  consumer = 3,   // makes stream and group exist, takes the consumer name
};

enum class LogLevel : std::int32_t { trace = 0, debug = 1, info = 2, warn = 3, error = 4 };

// Events in a backend's life that only it can see.
enum class BackendSignal : std::int32_t {
  reconnected = 1,      // a connection was restored after a loss
  group_recreated = 2,  // the group was gone and was made again
  entry_lost = 3,       // a pending entry was found trimmed away outside a claim
};

// What the host offers to a backend. [thread-safe]; lives longer than the backend.
class BackendHost {
 public:
  virtual void log(LogLevel level, std::string_view message) noexcept = 0;
  virtual void signal(BackendSignal signal, std::uint64_t count) noexcept = 0;
  // The time that leases are measured with, where the backend is the one to measure it. A test may drive it.
  virtual std::chrono::steady_clock::time_point now() const noexcept { return std::chrono::steady_clock::now(); }
  virtual Timestamp utc_now() const noexcept {
    return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
  }

 protected:
  ~BackendHost() = default;
};

// What every backend is created with.
struct BackendSettings {
  std::string stream_prefix;       // e.g. "orders"
  std::string stream;              // "orders:stream"
  std::string dead_letter_stream;  // "orders:stream_dlq"
  std::string group;
  std::string consumer;
  milliseconds lease{60000};                 // `pending_idle_ms`
  milliseconds block{5000};                  // the longest wait that receive is asked for
  std::uint64_t dead_letter_max_length = 0;  // 0: unlimited
  std::string config_json = "{}";            // the backend's own section, validated and with defaults filled in
};

// ---- Facets: optional features. Each is all or nothing; every call is [thread-safe] and throws Error. One more is
// IdempotencyStore (idempotency.hpp): its keys belong to the stream, and are shared as the stream is.

class DeadLetterStore {
 public:
  // Up to query.limit entries, oldest first, each in one sink call.
  class Sink {
   public:
    virtual void entry(const DeadLetter& entry) = 0;

   protected:
    ~Sink() = default;
  };
  virtual std::optional<Position> list(const DeadLetterQuery& query,
                                       Sink& sink) = 0;  // where to go on; nullopt: the end
  virtual std::optional<Position> replay(Position position, std::string_view only_group) = 0;
  virtual std::uint64_t purge(const PurgeQuery& query) = 0;
  virtual std::uint64_t add(std::span<const DeadLetter> entries) = 0;

 protected:
  ~DeadLetterStore() = default;
};

class History {
 public:
  // Hands out up to query.limit entries in order; returns where to go on, nullopt at the end.
  virtual std::optional<Position> read(const HistoryQuery& query, DeliverySink& sink) = 0;

 protected:
  ~History() = default;
};

class Inspection {
 public:
  virtual StreamInfo stream_info() = 0;  // an absent stream is an answer, no error

 protected:
  ~Inspection() = default;
};

struct TrimOptions {
  std::uint64_t max_length = 0;       // 0: off; keeps what a group still needs
  milliseconds max_age{0};            // 0: off; keeps what a group still needs
  std::uint64_t hard_max_length = 0;  // 0: off; trims whatever it takes
};

struct TrimReport {
  std::uint64_t trimmed = 0;
  std::uint64_t lost = 0;  // of these, entries that a group still needed
};

class Retention {
 public:
  virtual TrimReport trim(const TrimOptions& options) = 0;

 protected:
  ~Retention() = default;
};

// ---- The driver.
//
// Threads: receive, resume and claim never run at the same time as one another. open, where it restores what was lost,
//   runs beside all calls but those three; close runs alone. Everything else may run at any time on any thread. A
//   receive with `max` 0 alone may overlap another receive; wake ends both, or else the next one that waits.
// Errors: calls throw Error. `unavailable` and `timed_out` mean that the connection is gone: the engine calls open
// again,
//   with backoff. Publishing and settling restore their own connection, trying once a call. A receive that failed may
//   call settled() first, where it knows what became of the settlements.
// Time: a blocked call ends by itself; none blocks longer than the `wait` it was given plus the backend's own timeout.
class Backend {
 public:
  virtual ~Backend() = default;
  Backend(const Backend&) = delete;
  Backend& operator=(const Backend&) = delete;

  // Connects, for a role; may be called again to take on another role or to restore what was lost. A consumer takes its
  // name (`conflict` if another live process has it) and makes stream and group exist: where the group exists, it stays
  // as it is; where a mark of it exists, it begins there; else at `start`. Idempotent; may follow close.
  virtual void open(Role role, const StartFrom& start) = 0;

  // Appends in order, one result an event. An event that was written may have been moved from; every other is as it
  // was. In-process backends override this; the default hands views of the events to append_views.
  virtual void append(std::span<Event> events, std::span<AppendResult> results);

  // The same for events whose memory belongs to the caller; what crosses the plugin edge.
  virtual void append_views(std::span<const EventView> events, std::span<AppendResult> results) = 0;

  // First sends the settlements and hands back their results; then hands out up to `max` new deliveries, attempt 1,
  // waiting up to `wait` for the first. With `max` 0 it takes nothing and returns when there is something to take (or
  // when woken, or after `wait`). If it throws before settled() was called, the outcome of the settlements is unknown.
  virtual void receive(std::size_t max, milliseconds wait, std::span<const Settlement> settlements,
                       ReceiveSink& sink) = 0;

  // What this consumer name held in an earlier life, oldest first, up to `max` a call. Counts nothing.
  virtual Cursor resume(std::size_t max, Cursor from, std::vector<Token>& tokens) = 0;

  // Takes over what was not renewed for `min_idle`, or was released. Counts nothing. Only entries of others, or of this
  // consumer's own that it does not hold: the engine sorts those out by position.
  virtual ClaimResult claim(milliseconds min_idle, std::size_t max, Cursor from) = 0;

  // Hands out again the events of tokens that this consumer holds, in the order of `tokens`; if `count`, each delivery
  // counts as an attempt in the same step, and carries the new count. One status a token. The lease starts anew.
  virtual void redeliver(std::span<const Token> tokens, bool count, std::span<HoldStatus> results,
                         DeliverySink& sink) = 0;

  // Extends the leases of what this consumer holds, and of its name, also with no tokens. One status a token. Throws
  // `conflict` if another process took the name over.
  virtual void renew(std::span<const Token> tokens, std::span<HoldStatus> results) = 0;

  // Settles when no receive follows. One result a settlement; does not throw for an unreachable server (unknown,
  // failed).
  virtual void settle(std::span<const Settlement> settlements, std::span<SettleResult> results) = 0;

  // Ends the current receive, or else the next one. Sticky; cheap; never throws.
  virtual void wake() noexcept = 0;

  // Gives the name back, disconnects, joins every thread. No other call is running. Idempotent.
  virtual void close() noexcept = 0;

  // The promises; facets are added by the engine from the pointers below. Constant for the backend's life.
  virtual Capabilities capabilities() const = 0;

  // Whether a published object is turned into bytes on its way: true for whatever leaves the process. Where it is, the
  // limit `max_payload_bytes` holds for objects too. Constant.
  virtual bool needs_bytes() const noexcept { return true; }

  // null: not offered. Asked for once; the answer lives as long as the backend.
  virtual DeadLetterStore* dead_letter_store() noexcept { return nullptr; }
  virtual History* history() noexcept { return nullptr; }
  virtual Inspection* inspection() noexcept { return nullptr; }
  virtual Retention* retention() noexcept { return nullptr; }
  virtual IdempotencyStore* idempotency_store() noexcept { return nullptr; }

 protected:
  Backend() = default;
};

// Makes views of an event. `headers` is the memory behind the view's headers. May encode the payload, and throw for it.
inline EventView view_of(const Event& event, std::vector<HeaderView>& headers) {
  headers.clear();
  for (const auto& [name, value] : event.headers) headers.push_back({name, value});
  return {event.id,          event.type, event.aggregate_id,   event.aggregate_type, event.aggregate_version,
          event.occurred_at, headers,    event.payload.bytes()};
}

// Copies what a view shows, keeping the memory that `event` has.
inline void assign(Event& event, const EventView& view) {
  event.id.assign(view.id);
  event.type.assign(view.type);
  event.aggregate_id.assign(view.aggregate_id);
  event.aggregate_type.assign(view.aggregate_type);
  event.aggregate_version = view.aggregate_version;
  event.occurred_at = view.occurred_at;
  event.headers.clear();
  for (const HeaderView& header : view.headers) event.headers.set(header.name, header.value);
  event.payload.assign(view.payload);
}

inline void Backend::append(std::span<Event> events, std::span<AppendResult> results) {
  std::vector<std::vector<HeaderView>> headers(events.size());
  std::vector<EventView> views;
  std::vector<AppendResult> outcomes;
  std::vector<std::size_t> sent;  // an event whose payload can't be encoded is rejected alone
  views.reserve(events.size());
  for (std::size_t i = 0; i < events.size(); ++i) {
    try {
      views.push_back(view_of(events[i], headers[i]));
      sent.push_back(i);
    } catch (const Error& error) {
      results[i] = {AppendStatus::rejected, {}, error};
    }
  }
  outcomes.resize(views.size());
  append_views(views, outcomes);
  for (std::size_t i = 0; i < sent.size(); ++i) results[sent[i]] = std::move(outcomes[i]);
}

}  // namespace eventbus
