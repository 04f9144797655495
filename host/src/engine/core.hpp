// The engine's core: everything that EventBus promises, written once over Backend.
//
// Threads: publishers call in from anywhere; one consumer thread receives, renews, claims and settles; workers run
// handlers. With inline dispatch whoever drains runs the handlers, and one worker drains for what no publisher does.
// mutex_ is never held while a handler or the backend runs. A driven core has no threads: its driver calls turn() and
// run_one().
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <list>
#include <map>
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
#include "engine/lanes.hpp"
#include "engine/registry.hpp"
#include "engine/sweep.hpp"

namespace eventbus::host {

class ProcessSpan;

class Core final : public BackendHost, public detail::SubscriptionOwner, public std::enable_shared_from_this<Core> {
 public:
  // With a driver's clock it is a driven core.
  Core(const BusConfig& config, const BackendSettings& settings, const BackendFactory& create_backend,
       std::shared_ptr<Logger> logger, const Driver& driver = {});
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
  static bool inside_any_delivery() noexcept;  // of whichever bus

  // publishing (publish.cpp, background.cpp)
  Position publish(Event event);
  std::vector<PublishResult> publish_all(std::vector<Event> events);
  void publish_background(Event event);
  bool flush(milliseconds timeout);

  // subscriptions
  Subscription subscribe(std::span<const std::string> types, Handler handler);
  void end_subscription(std::uint64_t id) noexcept override;
  const Registry& registry() const noexcept { return registry_; }

  RecoveryReport recover(const RecoveryOptions& options);  // recovery.cpp

  // looking inside (inspect.cpp)
  Stats stats() const;
  Health health() const;
  Capabilities capabilities() const;
  StreamInfo stream_info() const;
  [[noreturn]] void refuse_closed(std::string_view what) const;
  void refuse_if_read_only(std::string_view what) const;
  template <class Call>
  auto with_backend(std::string_view what, Call&& call) {
    Gate::Pass pass(gate_);
    if (!pass) refuse_closed(what);
    return call();
  }
  DeadLetterStore& dead_letter_store() const;  // inside with_backend, as the next
  History& history() const;
  IdempotencyStore& idempotency_store() const;
  void set_error_hook(ErrorHook hook);
  void set_tracer(std::shared_ptr<Tracer> tracer);
  const BackendSettings& settings() const noexcept { return settings_; }

  // BackendHost
  void log(LogLevel level, std::string_view message) noexcept override;
  void signal(BackendSignal signal, std::uint64_t count) noexcept override;
  SteadyTime now() const noexcept override { return clock_ ? clock_->now() : BackendHost::now(); }
  Timestamp utc_now() const noexcept override { return clock_ ? clock_->utc_now() : BackendHost::utc_now(); }

  // Deferred outcomes come back here.
  bool settle_deferred(const HeldPtr& held, std::uint64_t subscription, const std::string& handler,
                       const Outcome& outcome, std::string_view why) noexcept;

  // for the driver of a core without threads (driven.cpp)
  bool take_in_driven();
  bool run_one(Registry::Reader& reader);
  std::size_t runnable() const;
  std::optional<SteadyTime> next_timer() const;
  std::optional<SteadyTime> next_due() const;
  void crash() noexcept;

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

  bool is_driven() const noexcept { return clock_ != nullptr; }
  bool is_inline() const noexcept { return capabilities_.inline_dispatch; }

  void begin_consuming();  // with lifecycle_mutex_ held, as the next
  void start_threads();
  DrainReport stop_now(std::optional<milliseconds> timeout);
  void give_back_waiting_locked(DrainReport& report);
  void settle_until(SteadyTime deadline, std::unique_lock<std::mutex>& lock);
  void abandon_rest_locked(DrainReport& report);
  void disconnect_now() noexcept;
  void retire_workers();
  void poke() noexcept;
  void report(std::string_view where, const Error& error, const Event* event = nullptr) noexcept;

  // publishing
  void stamp(Event& event, Timestamp time);
  AppendResult append_one(Event& event);
  std::vector<AppendResult> append_each(std::span<Event> events);
  void note_append(const AppendResult& result) noexcept;
  void run_background();
  void publish_queued(std::unique_lock<std::mutex>& lock, milliseconds& delay);
  void stop_background() noexcept;

  // the consumer thread (consumer.cpp, intake.cpp)
  void consume();
  bool turn(std::unique_lock<std::mutex>& lock, bool may_wait);
  bool do_what_is_due(std::unique_lock<std::mutex>& lock, SteadyTime time, bool wanted, std::size_t room);
  void wait_for_work(std::unique_lock<std::mutex>& lock, SteadyTime until, bool wanted);
  SteadyTime settle_at_locked() const;
  milliseconds renew_interval() const noexcept;
  SteadyTime next_timer_locked(bool wanted, std::size_t room) const;
  bool receive_once(std::size_t room, milliseconds wait);
  void handle_trouble(const Error& cause);
  void reopen();
  std::size_t room_locked();
  std::size_t events_held_locked() const noexcept;
  void take_in(std::span<const DeliveryView> batch, SteadyTime leased_at, std::unordered_map<Position, Parked>* from);
  void take_in_one_locked(const DeliveryView& view, SteadyTime leased_at, Parked* origin);
  static std::shared_ptr<const Event> event_of(const DeliveryView& view);
  static bool is_another_event(const Held& held, const DeliveryView& view);
  void displace_locked(HeldPtr held);

  // inline dispatch (inline.cpp)
  void watch_inline(milliseconds wait);
  void work_inline(Worker& worker);
  enum class Drainer { publisher, worker };
  void drain_inline(Drainer who = Drainer::publisher);
  void note_pass(std::uint64_t& passes);
  void wait_for_worker();
  void run_ready_inline();

  // what was held before, or by others (recovery.cpp, leases.cpp)
  void resume_own();
  bool claim_some(std::size_t room);
  void sweep_some(const SweepPtr& sweep, bool wanted, std::size_t room);
  std::size_t take_over(const ClaimResult& result, SteadyTime sent_at, const SweepPtr& sweep, bool wanted);
  void take_up_locked(const Token& token, SteadyTime leased_at, const SweepPtr& sweep, bool wanted);
  RecoveryReport recover_here(const SweepPtr& sweep);
  void note_lost(std::uint64_t count) noexcept;
  std::vector<Parked> take_due_locked(SteadyTime now);
  void redeliver(std::vector<Parked> parked);
  void fetch(const std::vector<HeldPtr>& wanted);
  void renew_all();
  void apply_renewal_locked(const Token& token, HoldStatus status, SteadyTime sent_at);
  void look_for_hung_locked(SteadyTime time);
  void forget_parked_locked(Position position);

  // running handlers and what their outcomes mean (dispatch.cpp, outcome.cpp)
  void work(Worker& worker);
  HeldPtr take_work_locked();
  void flush_if_blocked(std::unique_lock<std::mutex>& lock);
  void dispatch(const HeldPtr& held, Registry::Reader& reader);
  void run_handlers(const HeldPtr& held, const HandlerTable::Entries& entries);
  void run_handler(const HeldPtr& held, SubscriptionEntry& entry, const ProcessSpan& process, Verdict& verdict);
  void finish_one_outcome_locked(const HeldPtr& held);
  void complete_locked(const HeldPtr& held);
  void complete_unhandled_locked(const HeldPtr& held);
  void bury_locked(const HeldPtr& held, Account account);
  void release_locked(const HeldPtr& held, Account account);
  void fail_locked(const HeldPtr& held);
  void leave_lane_locked(Held& held);
  void free_lane_locked(const std::string& aggregate);
  void park_locked(Parked parked);
  void wake_intake_locked() noexcept;
  milliseconds backoff_locked(std::uint32_t failures);
  milliseconds jittered_locked(milliseconds time, double least);

  // settling (settle.cpp)
  void settle_later_locked(const HeldPtr& held, SettleAction action, Account account);
  HeldPtr unrun_locked(Token token, SteadyTime leased_at, std::string reason);
  SettlementBatch take_settlements_locked();
  void apply_results(const SettlementBatch& batch, std::span<const SettleResult> results);
  void apply_result_locked(const HeldPtr& held, const SettleResult& result);
  void count_settled_locked(Held& held) noexcept;
  void apply_unknown(const SettlementBatch& batch, const std::string& why);
  bool settle_now(SettlementBatch batch);
  void forget_locked(const HeldPtr& held);

  // upkeep of the stream (trim.cpp)
  void run_trimming();
  void trim_once() noexcept;
  void stop_trimming() noexcept;

  std::shared_ptr<Tracer> tracer() const;

  const BusConfig config_;
  const BackendSettings settings_;
  const std::shared_ptr<Logger> logger_;
  const std::shared_ptr<const Clock> clock_;
  HandlerWatch* const watch_;
  std::unique_ptr<Backend> backend_;
  Capabilities capabilities_;
  const milliseconds lease_;

  Registry registry_;
  Counters counters_;
  Gate gate_;                   // open while connected: who calls the backend from outside passes it
  std::mutex lifecycle_mutex_;  // one lifecycle call at a time
  std::mutex intake_mutex_;     // inline: one call of receive, resume or claim at a time, and lane insertion
  mutable std::atomic<bool> link_up_{false};  // what the last call to the backend showed
  std::atomic<bool> consuming_{false};
  std::atomic<bool> wake_wanted_{false};  // set with mutex_ held, acted upon by poke() without it

  mutable std::mutex mutex_;           // guards all below
  std::condition_variable intake_cv_;  // the consumer thread waits here for room, settlements, subscriptions, stop
  std::condition_variable work_cv_;    // workers wait here
  std::condition_variable drain_cv_;   // stopping waits here for running handlers
  std::condition_variable sweep_cv_;   // recover() waits here
  bool started_ = false;  // between start_consuming and the end of the stop; written with lifecycle_mutex_ held too
  bool stopping_ = false;
  bool resumed_ = false;              // what an earlier life left was taken up
  bool receiving_ = false;            // the consumer thread is in a receive that may block
  bool recovered_last_turn_ = false;  // recovery and receiving take turns
  bool poked_ = false;                // something changed that the consumer thread should look at
  std::string fatal_;                 // why the reader died
  std::string trouble_;               // why the connection is down
  milliseconds trouble_backoff_{0};
  std::string last_incident_;  // what was healed last
  std::unordered_map<Position, HeldPtr> held_;
  Lanes lanes_;
  std::deque<HeldPtr> due_;                          // to be settled
  std::multimap<SteadyTime, HeldPtr> settle_again_;  // not before then, after a failure
  std::string settle_trouble_;                       // why, of the last failure
  SteadyTime due_since_{};                           // when the oldest of `due_` came
  std::unordered_map<Position, Parked> parked_;
  std::set<std::pair<SteadyTime, Position>> parked_order_;  // by due time
  std::size_t recovered_waiting_ = 0;                       // parked, recovered, and not to run alone
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
  std::deque<SweepPtr> sweeps_;  // the first one is under way
  SteadyTime next_claim_{}, next_sweep_{}, next_renew_{}, last_read_{};
  std::mt19937_64 random_{std::random_device{}()};
  std::uint32_t ids_given_ = 0;  // driven: ids come by the driver's time and chance

  std::list<std::shared_ptr<Worker>> workers_;
  std::thread consumer_;
  std::atomic<std::int64_t> live_workers_{0};
  Registry::Reader caller_reader_;                                        // of whoever drains or recovers
  static constexpr std::uint64_t worker_drains = std::uint64_t{1} << 63;  // in drain_requests_, beside their number
  std::atomic<std::uint64_t> drain_requests_{0};                          // since somebody began to drain
  std::condition_variable worker_cv_;  // publishers wait here for the worker that drains
  std::uint64_t worker_passes_begun_ = 0, worker_passes_ended_ = 0;
  bool drain_abandoned_ = false;            // a stop left the worker in it, so nobody waits for it
  bool drain_wanted_ = false;               // the inline worker is to drain
  std::atomic<bool> drain_awaited_{false};  // the consumer thread waits for the end of a drain

  mutable std::mutex hook_mutex_;  // guards the two below
  ErrorHook hook_;
  std::shared_ptr<Tracer> tracer_;
  std::atomic<bool> traced_{false};
  std::recursive_mutex hook_call_mutex_;  // one call of the hook at a time

  std::mutex background_mutex_;  // guards the members below
  std::condition_variable background_cv_;
  std::deque<Event> background_;
  std::uint64_t background_queued_ = 0, background_done_ = 0;
  bool background_stop_ = false;
  std::thread background_thread_;

  std::mutex trim_mutex_;  // guards the members below
  std::condition_variable trim_cv_;
  bool trim_stop_ = false;
  std::thread trim_thread_;
};

}  // namespace eventbus::host
