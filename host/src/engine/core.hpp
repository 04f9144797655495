// The engine's core: everything that EventBus promises, written once over Backend.
//
// Threads: publishers call in from anywhere; one consumer thread receives, renews, claims and settles; workers run
// handlers. With inline dispatch there are no workers: whoever drains runs the handlers. mutex_ is never held while a
// handler or the backend runs.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <list>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include <eventbus/backend.hpp>
#include <eventbus/config.hpp>
#include <eventbus/event_bus.hpp>

#include "config/logging.hpp"
#include "engine/counters.hpp"
#include "engine/engine.hpp"
#include "engine/gate.hpp"
#include "engine/held.hpp"
#include "engine/registry.hpp"

namespace eventbus::host {

class Core final : public BackendHost, public detail::SubscriptionOwner, public std::enable_shared_from_this<Core> {
 public:
  Core(const BusConfig& config, const BackendSettings& settings, const BackendFactory& create_backend,
       std::shared_ptr<Logger> logger);
  ~Core();

  // lifecycle (core.cpp)
  void connect();
  void disconnect() noexcept;
  void start_consuming();
  DrainReport stop_consuming(std::optional<milliseconds> timeout);
  void shut_down() noexcept;  // for the destructor of the bus
  bool is_connected() const noexcept { return gate_.is_open() && link_up_.load(); }
  bool is_consuming() const noexcept { return consuming_.load(); }
  bool inside_delivery() const noexcept;

  // publishing (publish.cpp)
  Position publish(Event event);
  std::vector<PublishResult> publish_all(std::vector<Event> events);
  void publish_background(Event event);
  bool flush(milliseconds timeout);

  // subscriptions
  Subscription subscribe(std::span<const std::string> types, Handler handler);
  void end_subscription(std::uint64_t id) noexcept override;
  const Registry& registry() const noexcept { return registry_; }

  // looking inside (inspect.cpp)
  Stats stats() const;
  Health health() const;
  Capabilities capabilities() const;
  StreamInfo stream_info() const;
  template <class Call>
  auto with_backend(std::string_view what, Call&& call) {
    Gate::Pass pass(gate_);
    if (!pass) refuse_closed(what);
    return call();
  }
  DeadLetterStore& dead_letter_store() const;  // inside with_backend, as the next
  History& history() const;
  void set_error_hook(ErrorHook hook);
  const BackendSettings& settings() const noexcept { return settings_; }

  // BackendHost
  void log(LogLevel level, std::string_view message) noexcept override;
  void signal(BackendSignal signal, std::uint64_t count) noexcept override;

  // Deferred outcomes come back here.
  bool settle_deferred(const HeldPtr& held, std::uint64_t subscription, const std::string& handler,
                       const Outcome& outcome, std::string_view why) noexcept;

 private:
  struct SettlementBatch {
    std::vector<HeldPtr> items;
    std::vector<Settlement> settlements;
    std::deque<DeadLetterReason> reasons;
  };
  struct Worker {
    std::thread thread;
    Registry::Reader reader;
    bool in_handler = false;  // guarded by mutex_
    bool done = false;        // guarded by mutex_
  };
  class IntakeSink;
  class RedeliverSink;
  class HandlerCall;
  class DeferredOutcome;

  DrainReport stop_now(std::optional<milliseconds> timeout);  // with lifecycle_mutex_ held
  void disconnect_now() noexcept;
  void retire_workers();
  void poke() noexcept;
  [[noreturn]] void refuse_closed(std::string_view what) const;
  void report(std::string_view where, const Error& error, const Event* event = nullptr) noexcept;

  // publishing
  AppendResult append_one(Event& event);
  void note_append(const AppendResult& result) noexcept;
  void run_background();
  void stop_background() noexcept;

  // the consumer thread (intake.cpp)
  void consume();
  void consume_once(std::unique_lock<std::mutex>& lock);
  void receive_once(std::size_t room, milliseconds wait);
  void resume_own();
  void claim_some();
  void take_up_locked(const Token& token, SteadyTime leased_at);
  void renew_all();
  void redeliver_due();
  void redeliver(std::vector<Parked> parked);
  void handle_trouble(const Error& cause);
  std::size_t room_locked();
  std::vector<Parked> take_due_locked(SteadyTime now);
  SteadyTime next_timer_locked() const;
  void take_in(std::span<const DeliveryView> batch, SteadyTime leased_at, std::unordered_map<Position, Parked>* from);
  void forget_parked_locked(Position position);
  void settle_unrun_locked(Token token, SteadyTime leased_at, SettleAction action, Account account, std::string reason);
  void drain_inline();
  void run_ready_inline();
  bool is_inline() const noexcept { return capabilities_.inline_dispatch; }

  // running handlers (dispatch.cpp)
  void work(Worker& worker);
  HeldPtr take_work_locked();
  void flush_if_blocked(std::unique_lock<std::mutex>& lock);
  void dispatch(const HeldPtr& held, Registry::Reader& reader);
  void run_handlers(const HeldPtr& held, const HandlerTable::Entries& entries);
  void finish_one_outcome_locked(const HeldPtr& held);
  void complete_locked(const HeldPtr& held);
  void complete_unhandled(const HeldPtr& held);
  void fail_locked(const HeldPtr& held);
  void leave_lane_locked(Held& held);
  void park_locked(Parked parked);
  void settle_later_locked(const HeldPtr& held, SettleAction action, Account account);
  milliseconds backoff_locked(std::uint32_t failures);

  // settling (settle.cpp)
  SettlementBatch take_settlements_locked();
  void apply_results(const SettlementBatch& batch, std::span<const SettleResult> results);
  void apply_unknown(const SettlementBatch& batch, const std::string& why);
  void settle_now(SettlementBatch batch);
  void forget_locked(const HeldPtr& held);

  const BusConfig config_;
  const BackendSettings settings_;
  const std::shared_ptr<Logger> logger_;
  std::unique_ptr<Backend> backend_;
  Capabilities capabilities_;
  const milliseconds lease_;

  Registry registry_;
  Counters counters_;
  Gate gate_;                         // open while connected: who calls the backend from outside passes it
  std::mutex lifecycle_mutex_;        // one lifecycle call at a time
  std::atomic<bool> link_up_{false};  // what the last call to the backend showed
  std::atomic<bool> consuming_{false};
  std::atomic<bool> wake_wanted_{false};  // set with mutex_ held, acted upon by poke() without it

  mutable std::mutex mutex_;           // guards all below
  std::condition_variable intake_cv_;  // the consumer thread waits here for room, settlements, subscriptions, stop
  std::condition_variable work_cv_;    // workers wait here
  std::condition_variable drain_cv_;   // stopping waits here for running handlers
  bool stopping_ = false;
  bool receiving_ = false;  // the consumer thread is in a receive that may block
  std::string fatal_;       // why the reader died
  std::string trouble_;     // why the connection is down
  std::unordered_map<Position, HeldPtr> held_;
  Lanes lanes_;
  std::deque<HeldPtr> due_;    // to be settled
  SteadyTime due_since_{};     // when the oldest of them came
  SteadyTime settle_after_{};  // not before this, after a failure
  std::unordered_map<Position, Parked> parked_;
  std::set<std::pair<SteadyTime, Position>> parked_order_;  // by due time
  std::size_t solo_ = 0;                                    // deliveries held that run alone
  std::unordered_map<Position, SteadyTime> released_here_;  // not to be taken up again before then
  std::size_t running_ = 0;                                 // deliveries whose handlers run or deferred
  std::size_t busy_ = 0;                                    // of these, those on a thread
  std::size_t prefetch_ = 1;
  bool ran_dry_ = false;         // a worker found nothing since the last look
  bool last_read_full_ = false;  // the last receive brought all that it asked for
  std::uint64_t finished_ = 0;
  std::uint64_t rate_base_ = 0;
  SteadyTime rate_since_{};
  Cursor claim_cursor_{};
  SteadyTime next_claim_{}, next_renew_{}, last_read_{};
  std::mt19937_64 random_{std::random_device{}()};

  std::list<std::shared_ptr<Worker>> workers_;
  std::thread consumer_;
  std::atomic<std::int64_t> live_workers_{0};
  Registry::Reader inline_reader_;  // of whoever drains
  std::atomic<std::uint64_t> drain_requests_{0};

  mutable std::mutex hook_mutex_;
  ErrorHook hook_;

  std::mutex background_mutex_;  // guards the members below
  std::condition_variable background_cv_;
  std::deque<Event> background_;
  std::uint64_t background_queued_ = 0, background_done_ = 0;
  bool background_stop_ = false;
  std::thread background_thread_;
};

}  // namespace eventbus::host
