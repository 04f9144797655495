// Faults of a transport, planned by a test, and the decorator that has them happen over any backend.
//
//   auto plan = std::make_shared<FaultPlan>();
//   plan->at_append(2).fail();           // the 2nd event that is published is refused
//   plan->at_delivery(1).expire_lease(); // the 1st event that is handed out comes after the end of its lease
//   TestBus test(config, {.faults = plan});
//   ...
//   CHECK(plan->expect_all_happened());
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include <eventbus/backend.hpp>
#include <eventbus/testing/backend_decorator.hpp>
#include <eventbus/testing/expectation.hpp>

namespace eventbus::testing {

// Each step counts from 1, over the life of the plan. One fault a number of a step: a later one takes its place.
// Threads: any. Lifetime: shared with the backends that it is for, mostly one.
class FaultPlan {
 public:
  enum class Step { append, delivery, settlement, renewal };
  enum class Kind { fail, lose_reply, duplicate, delay, expire_lease, crash_before, crash_after };
  struct Fault {
    Kind kind = Kind::fail;
    std::chrono::milliseconds time{0};  // of a delay
  };

 private:
  class Place {
   public:
    Place(FaultPlan& plan, Step step, std::uint64_t nth) : plan_(plan), step_(step), nth_(nth) {}

   protected:
    FaultPlan& plan(Kind kind, std::chrono::milliseconds time = {}) { return plan_.add(step_, nth_, {kind, time}); }

   private:
    FaultPlan& plan_;
    const Step step_;
    const std::uint64_t nth_;
  };

 public:
  // An event that is published.
  class AtAppend : Place {
   public:
    using Place::Place;
    FaultPlan& fail() { return plan(Kind::fail); }              // not written: rejected, `unavailable`
    FaultPlan& lose_reply() { return plan(Kind::lose_reply); }  // written; the answer is lost: `timed_out`
    FaultPlan& duplicate() { return plan(Kind::duplicate); }    // written twice, as by a publisher that tried again
    FaultPlan& delay(std::chrono::milliseconds time) { return plan(Kind::delay, time); }  // before it is written
    FaultPlan& crash_before() { return plan(Kind::crash_before); }
    FaultPlan& crash_after() { return plan(Kind::crash_after); }  // written, but the publisher never knows
  };
  // An event that is handed to the consumer; one that comes again counts again.
  class AtDelivery : Place {
   public:
    using Place::Place;
    FaultPlan& lose_reply() { return plan(Kind::lose_reply); }  // it, and what came with it behind it: `unavailable`
    FaultPlan& delay(std::chrono::milliseconds time) { return plan(Kind::delay, time); }
    FaultPlan& expire_lease() { return plan(Kind::expire_lease); }  // comes late by the lease: the process stood still
    FaultPlan& crash() { return plan(Kind::crash_before); }         // the consumer has it, and never sees it
  };
  // The end of a delivery: ack, dead letter or release.
  class AtSettlement : Place {
   public:
    using Place::Place;
    FaultPlan& fail() { return plan(Kind::fail); }              // has no effect; may be tried again
    FaultPlan& lose_reply() { return plan(Kind::lose_reply); }  // has its effect; the answer is lost
    FaultPlan& delay(std::chrono::milliseconds time) { return plan(Kind::delay, time); }
    FaultPlan& crash_before() { return plan(Kind::crash_before); }
    FaultPlan& crash_after() { return plan(Kind::crash_after); }
  };
  // A call that extends leases.
  class AtRenewal : Place {
   public:
    using Place::Place;
    FaultPlan& fail() { return plan(Kind::fail); }  // `unavailable`: no lease is extended
    FaultPlan& delay(std::chrono::milliseconds time) { return plan(Kind::delay, time); }
    FaultPlan& crash() { return plan(Kind::crash_before); }
  };

  AtAppend at_append(std::uint64_t nth) { return {*this, Step::append, nth}; }
  AtDelivery at_delivery(std::uint64_t nth) { return {*this, Step::delivery, nth}; }
  AtSettlement at_settlement(std::uint64_t nth) { return {*this, Step::settlement, nth}; }
  AtRenewal at_renewal(std::uint64_t nth) { return {*this, Step::renewal, nth}; }

  // A crash came: until its backend is made anew nothing gets through. A TestBus ends itself as by crash().
  bool crashed() const;
  std::uint64_t count(Step step) const;  // how many there were
  // Whether every planned fault came; the text names those that did not.
  Expectation expect_all_happened() const;

  // For the decorator. Takes the fault of the next of this step; counts it.
  std::optional<Fault> next(Step step);
  void set_crashed(bool crashed);

 private:
  FaultPlan& add(Step step, std::uint64_t nth, Fault fault);

  mutable std::mutex mutex_;  // guards the members below
  std::map<std::pair<Step, std::uint64_t>, Fault> planned_;
  std::map<Step, std::uint64_t> counts_;
  bool crashed_ = false;
};

// The decorator. `wait`: lets a delay pass; the calling thread sleeps by default.
using Wait = std::function<void(std::chrono::milliseconds)>;
std::unique_ptr<Backend> with_faults(std::unique_ptr<Backend> inside, std::shared_ptr<FaultPlan> plan,
                                     const BackendSettings& settings, Wait wait = {});

// As open_bus, a plugin's backend included, with the plan's faults.
std::unique_ptr<EventBus> open_bus_with_faults(const BusConfig& config, std::shared_ptr<FaultPlan> plan);

}  // namespace eventbus::testing
