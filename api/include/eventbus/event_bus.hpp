// The bus: what an application talks to, whatever carries the events.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <eventbus/error.hpp>
#include <eventbus/event.hpp>
#include <eventbus/handler.hpp>
#include <eventbus/idempotency.hpp>
#include <eventbus/stats.hpp>
#include <eventbus/stored.hpp>
#include <eventbus/subscription.hpp>
#include <eventbus/tracer.hpp>

namespace eventbus {

class EventRegistry;  // eventbus/registry.hpp

// The fate of one published event.
struct PublishResult {
  enum class Status {
    written,   // accepted at `position`
    rejected,  // not accepted, for `error`
    unknown,   // the answer was lost (`error` says how): it may have been written. The bus never sends it again by
               // itself; who does so under the same id makes at most a duplicate
  };

  Status status = Status::rejected;
  Position position{};
  std::optional<Error> error;

  bool written() const noexcept { return status == Status::written; }
};

// Something that failed where nobody was there to be told.
struct BackgroundError {
  std::string where;  // e.g. "publish_background", "settle", "receive"
  Error error;
  const Event* event = nullptr;  // the event concerned, if it is known; lives for the call
};
using ErrorHook = std::function<void(const BackgroundError&)>;

// Threads: every call may come from any thread, at any time, also from inside a handler, except where it says
// otherwise. Lifetime: handlers live as long as their subscription. The destructor stops consuming within
// `shutdown_timeout_ms`,
//   disconnects, and then waits for what still runs, naming it in the log; inside a delivery of this bus it only
//   requests the stop. It never throws.
// Errors: calls throw eventbus::Error; `closed` unless connected, where a backend is needed; `unsupported` for changes
//   of the stream on a bus that is `read_only`.
//   What an event or an entry met is a return value. What fails with no caller to tell goes to the error hook and the
//   log.
// Delivery: at least once. A handler must tolerate a duplicate, which carries the same event id.
class EventBus {
 public:
  virtual ~EventBus() = default;
  EventBus(const EventBus&) = delete;
  EventBus& operator=(const EventBus&) = delete;

  // Connects to the backend as a publisher; creates nothing there. Harmless when connected. Tries for
  // `connect_retry_ms`, then throws `unavailable` (with the address), `invalid_config` (credentials, wrong kind of key)
  // or `conflict`. After the first success a lost connection is restored by itself.
  virtual void connect() = 0;

  // Stops consuming, waits for background publishing, closes the connection. Harmless when not connected. Inside a
  // delivery it only requests all that.
  virtual void disconnect() noexcept = 0;

  virtual bool is_connected() const noexcept = 0;

  // Returns when the backend has accepted the event (durably, where the backend is durable). Throws where it is not
  // known to be written: `timed_out` if the answer was lost, so that it may or may not be, any other code if it surely
  // is not (`invalid_argument`, `unavailable`, `backpressure`, ...). Blocks for one round trip; callers from several
  // threads do not queue behind one another.
  // With inline dispatch the handlers of this bus have run when it returns, and never make it throw; but inside a
  // handler, or while another thread's publish runs handlers, it leaves them to that.
  virtual Position publish(Event event) = 0;

  // As publish of one, for each in order; positions increase strictly. Returns one result an event, in the same order,
  // and throws only if none was tried (`closed`). Any size: it is sent in chunks. An empty list needs no connection.
  [[nodiscard]] virtual std::vector<PublishResult> publish_all(std::vector<Event> events) = 0;

  // Queues the event and returns; a background thread publishes it, resending under the same id while the failure is
  // retryable. At most `max_background` events wait: at the bound the calling thread publishes instead. Throws only for
  // what can be refused at once (`invalid_argument`, `closed`); later failures are counted and told to the error hook.
  virtual void publish_background(Event event) = 0;

  // Waits until all that was queued before is written or given up. False if `timeout` ended first.
  virtual bool flush(std::chrono::milliseconds timeout) = 0;

  // Calls `handler` for each event of one of `types`; with no types, for every event. Handlers of a type run before
  // those for every event, each in the order of registration; all run, even if one throws. Works before connecting and
  // while consuming. Throws `invalid_argument` for an empty handler or an empty type.
  virtual Subscription subscribe(std::span<const std::string> types, Handler handler) = 0;

  Subscription subscribe(std::string type, Handler handler) {
    return subscribe(std::span<const std::string>(&type, 1), std::move(handler));
  }

  // A wildcard subscription: every event, after the handlers of its type.
  Subscription subscribe_to_all(Handler handler) {
    return subscribe(std::span<const std::string>(), std::move(handler));
  }

  // Typed handlers: `handler` takes (const T&), (const T&, const Event&), (const T&, const Delivery&) or all three, and
  // returns nothing or an Outcome. Defined in eventbus/typed.hpp, which says more.
  template <class T, class F>
  Subscription subscribe(F&& handler);
  template <class T, class F>
  Subscription subscribe(std::string name, F&& handler);
  template <class T, class F>
  Subscription subscribe(std::string name, F&& handler, const EventRegistry& registry);

  // Subscribes one object to every type that it names; one token ends them all. The bus shares its ownership.
  Subscription subscribe_all(std::shared_ptr<Subscriber> subscriber) {
    if (!subscriber) throw Error(ErrorCode::invalid_argument, "subscribe_all: cannot subscribe a null subscriber");
    std::vector<std::string> types = subscriber->event_types();
    if (types.empty()) {
      throw Error(ErrorCode::invalid_argument, "subscribe_all: cannot subscribe '" + subscriber->name() +
                                                   "': it names no event types; use subscribe_to_all for every event");
    }
    Handler handler(subscriber->name(), [subscriber](const Event& event, const Delivery& delivery) {
      return subscriber->handle(event, delivery);
    });
    return subscribe(std::span<const std::string>(types), std::move(handler));
  }

  virtual std::size_t subscriber_count()
      const = 0;  // subscriptions, wildcards included; one of three types counts once
  virtual std::size_t subscriber_count(std::string_view type) const = 0;  // of exactly this type, wildcards excluded
  virtual std::size_t wildcard_subscriber_count() const = 0;

  // Makes the group exist, takes the consumer name, and begins to deliver on threads of the bus. Returns at once after
  // that. Nothing is received while nothing is subscribed. Throws `conflict` if already consuming, or if another live
  // process has the consumer name.
  virtual void start_consuming() = 0;

  // Takes no more; releases what has not started; waits for what runs or is deferred, up to `timeout` (default:
  // `shutdown_timeout_ms`). After it returns no handler starts, and the outcome of an abandoned one has no effect.
  // Harmless when not consuming. Inside a delivery it requests the stop and returns at once.
  virtual DrainReport stop_consuming(std::optional<std::chrono::milliseconds> timeout = std::nullopt) = 0;

  virtual bool is_consuming() const noexcept = 0;

  virtual Stats stats() const = 0;
  virtual Health health() const = 0;  // asks the backend where it can; never throws for its absence
  virtual Capabilities capabilities() const = 0;
  virtual StreamInfo stream_info() const = 0;  // `unsupported` without inspection

  // One recovery sweep now: takes over deliveries that idled longer than `min_idle`, handles them, and returns when the
  // outcome of each is known or the bus stops. A bus that does not consume handles them on the calling thread, as its
  // configured consumer, and takes nothing else. With no subscription nothing is handled: what is past its attempts
  // goes to the dead letters, the rest is given back with no attempt used. Inside a delivery it requests the sweep and
  // returns at once. Throws `invalid_argument` for a `min_idle` below the lease without `force`.
  virtual RecoveryReport recover(const RecoveryOptions& options = {}) = 0;

  // Dead letters. Each throws `unsupported` if the backend keeps none.
  virtual DeadLetterPage dead_letters(const DeadLetterQuery& query = {}) = 0;
  virtual std::optional<DeadLetter> dead_letter(Position position) = 0;
  // Moves it back to the stream with its attempts reset, in one atomic step; of two at once one succeeds. With
  // `only_group` the other groups skip it. Returns the new position; nullopt if there is no such dead letter.
  virtual std::optional<Position> replay_dead_letter(Position position, std::string_view only_group = {}) = 0;
  virtual std::uint64_t purge_dead_letters(const PurgeQuery& query) = 0;
  virtual std::uint64_t import_dead_letters(std::span<const DeadLetter> entries) = 0;

  // Reads the stream without touching any group. `unsupported` if the backend keeps no history.
  virtual HistoryPage history(const HistoryQuery& query = {}) = 0;

  // What the backend remembers for once(): shared by all buses of the stream, and lives with it. May outlive the bus,
  // and its calls then throw `closed`, as before connecting. `unsupported` if the backend has none.
  virtual std::shared_ptr<IdempotencyStore> idempotency_store() {
    throw Error(ErrorCode::unsupported, "idempotency_store: this bus has none; use an InMemoryIdempotencyStore");
  }

  // Called for failures that have no caller, on the thread that met them, one at a time; must not call the bus'
  // lifetime functions. Replaces the earlier hook; an empty one leaves the log alone to tell.
  virtual void set_error_hook(ErrorHook hook) = 0;

  // Spans for publishing, processing and handling (tracer.hpp), unless `enable_tracing` is false; null: none. A
  // publish span's context goes into the headers `traceparent` and `tracestate` of an event that has none of its own.
  virtual void set_tracer(std::shared_ptr<Tracer> tracer) = 0;

  virtual const std::string& stream_name() const noexcept = 0;
  virtual const std::string& dead_letter_stream_name() const noexcept = 0;
  virtual const std::string& group() const noexcept = 0;
  virtual const std::string& consumer() const noexcept = 0;

 protected:
  EventBus() = default;
};

}  // namespace eventbus
