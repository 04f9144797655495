// The decorator that has a plan's faults happen.
#include <thread>

#include <eventbus/testing/fault_plan.hpp>

#include "config/open_driven.hpp"

namespace eventbus::testing {
namespace {

using Step = FaultPlan::Step;
using Kind = FaultPlan::Kind;

constexpr const char* crashed_text = "fault plan: the process of this bus crashed";

// A delivery that outlives the call that brought it.
struct Copy {
  DeliveryView view;
  Event event;
  std::string undecodable, only_group;
  std::vector<HeaderView> headers;

  explicit Copy(const DeliveryView& from) : undecodable(from.undecodable), only_group(from.only_group) {
    view = from;
    if (!from.shared) assign(event, from.event);
  }
  const DeliveryView& shown() {
    if (!view.shared) view.event = view_of(event, headers);
    view.undecodable = undecodable;
    view.only_group = only_group;
    return view;
  }
};

class Keeper final : public ReceiveSink {
 public:
  explicit Keeper(ReceiveSink* settled) : settled_(settled) {}
  void settled(std::span<const SettleResult> results) override { settled_->settled(results); }
  void delivered(std::span<const DeliveryView> batch) override {
    for (const DeliveryView& view : batch) copies.emplace_back(view);
  }
  std::vector<Copy> copies;

 private:
  ReceiveSink* settled_;
};

class FaultyBackend final : public BackendDecorator {
 public:
  FaultyBackend(std::unique_ptr<Backend> inside, std::shared_ptr<FaultPlan> plan, milliseconds lease, Wait wait)
      : BackendDecorator(std::move(inside)), plan_(std::move(plan)), lease_(lease), wait_(std::move(wait)) {
    if (!wait_) wait_ = [](milliseconds time) { std::this_thread::sleep_for(time); };
    plan_->set_crashed(false);
  }

  void open(Role role, const StartFrom& start) override {
    refuse_crashed();
    BackendDecorator::open(role, start);
  }
  void append(std::span<Event> events, std::span<AppendResult> results) override {
    append_each(events, results, [this](std::span<Event> some, std::span<AppendResult> outcomes) {
      BackendDecorator::append(some, outcomes);
    });
  }
  void append_views(std::span<const EventView> events, std::span<AppendResult> results) override {
    append_each(events, results, [this](std::span<const EventView> some, std::span<AppendResult> outcomes) {
      BackendDecorator::append_views(some, outcomes);
    });
  }
  void receive(std::size_t max, milliseconds wait, std::span<const Settlement> settlements,
               ReceiveSink& sink) override {
    refuse_crashed();
    if (!settlements.empty()) {
      std::vector<SettleResult> results(settlements.size());
      settle(settlements, results);
      sink.settled(results);
      refuse_crashed();
    }
    Keeper keeper(&sink);
    BackendDecorator::receive(max, wait, {}, keeper);
    hand_out(keeper.copies, sink);
  }
  Cursor resume(std::size_t max, Cursor from, std::vector<Token>& tokens) override {
    refuse_crashed();
    return BackendDecorator::resume(max, from, tokens);
  }
  ClaimResult claim(milliseconds min_idle, std::size_t max, Cursor from) override {
    refuse_crashed();
    return BackendDecorator::claim(min_idle, max, from);
  }
  void redeliver(std::span<const Token> tokens, bool count, std::span<HoldStatus> results,
                 DeliverySink& sink) override {
    refuse_crashed();
    Keeper keeper(nullptr);
    BackendDecorator::redeliver(tokens, count, results, keeper);
    hand_out(keeper.copies, sink);
  }
  void renew(std::span<const Token> tokens, std::span<HoldStatus> results) override {
    refuse_crashed();
    const auto fault = plan_->next(Step::renewal);
    if (fault && fault->kind == Kind::crash_before) crash();
    if (fault && fault->kind == Kind::delay) wait_(fault->time);
    if (fault && fault->kind == Kind::fail) throw Error(ErrorCode::unavailable, "fault plan: renewal failed");
    BackendDecorator::renew(tokens, results);
  }
  void settle(std::span<const Settlement> settlements, std::span<SettleResult> results) override {
    for (std::size_t i = 0; i < settlements.size(); ++i) {
      if (plan_->crashed()) {
        results[i] = {SettleStatus::failed, false, crashed_text};
      } else {
        settle_one(settlements.subspan(i, 1), results.subspan(i, 1));
      }
    }
  }

 private:
  void refuse_crashed() const {
    if (plan_->crashed()) throw Error(ErrorCode::closed, crashed_text);
  }
  [[noreturn]] void crash() {
    plan_->set_crashed(true);
    throw Error(ErrorCode::closed, crashed_text);
  }

  template <class Any, class Append>
  void append_each(std::span<Any> events, std::span<AppendResult> results, Append&& append) {
    refuse_crashed();
    for (std::size_t i = 0; i < events.size(); ++i) {
      const auto fault = plan_->next(Step::append);
      if (!fault) {
        append(events.subspan(i, 1), results.subspan(i, 1));
        continue;
      }
      if (fault->kind == Kind::crash_before) crash();
      if (fault->kind == Kind::fail) {
        results[i] = {AppendStatus::rejected, {}, Error(ErrorCode::unavailable, "fault plan: append failed")};
        continue;
      }
      if (fault->kind == Kind::delay) wait_(fault->time);
      if (fault->kind == Kind::duplicate) {
        std::remove_const_t<Any> again = events[i];
        AppendResult first;
        append({&again, 1}, {&first, 1});
      }
      append(events.subspan(i, 1), results.subspan(i, 1));
      if (fault->kind == Kind::crash_after) crash();
      if (fault->kind == Kind::lose_reply && results[i].status == AppendStatus::written) {
        results[i] = {AppendStatus::unknown, {}, Error(ErrorCode::timed_out, "fault plan: the reply was lost")};
      }
    }
  }

  void hand_out(std::vector<Copy>& copies, DeliverySink& sink) {
    for (Copy& copy : copies) {
      const auto fault = plan_->next(Step::delivery);
      if (fault && fault->kind == Kind::crash_before) crash();
      if (fault && fault->kind == Kind::lose_reply) {
        throw Error(ErrorCode::unavailable, "fault plan: the reply with a delivery was lost");
      }
      if (fault && fault->kind == Kind::delay) wait_(fault->time);
      if (fault && fault->kind == Kind::expire_lease) wait_(lease_ + milliseconds{1});
      sink.delivered({&copy.shown(), 1});
    }
  }

  void settle_one(std::span<const Settlement> settlement, std::span<SettleResult> result) {
    const auto fault = plan_->next(Step::settlement);
    if (fault && fault->kind == Kind::crash_before) {
      plan_->set_crashed(true);
      result[0] = {SettleStatus::failed, false, crashed_text};
      return;
    }
    if (fault && fault->kind == Kind::fail) {
      result[0] = {SettleStatus::failed, true, "fault plan: settlement failed"};
      return;
    }
    if (fault && fault->kind == Kind::delay) wait_(fault->time);
    BackendDecorator::settle(settlement, result);
    if (fault && fault->kind == Kind::lose_reply) result[0] = {SettleStatus::unknown, true, "fault plan: reply lost"};
    if (fault && fault->kind == Kind::crash_after) {
      plan_->set_crashed(true);
      result[0] = {SettleStatus::failed, false, crashed_text};
    }
  }

  const std::shared_ptr<FaultPlan> plan_;
  const milliseconds lease_;
  Wait wait_;
};

}  // namespace

std::unique_ptr<Backend> with_faults(std::unique_ptr<Backend> inside, std::shared_ptr<FaultPlan> plan,
                                     const BackendSettings& settings, Wait wait) {
  return std::make_unique<FaultyBackend>(std::move(inside), std::move(plan), settings.lease, std::move(wait));
}

std::unique_ptr<EventBus> open_decorated_bus(const BusConfig& config, const Decorate& decorate) {
  return host::open_decorated_bus(config, decorate);
}

std::unique_ptr<EventBus> open_bus_with_faults(const BusConfig& config, std::shared_ptr<FaultPlan> plan) {
  return open_decorated_bus(
      config, [plan = std::move(plan)](std::unique_ptr<Backend> inside, const BackendSettings& settings, BackendHost&) {
        return with_faults(std::move(inside), plan, settings);
      });
}

}  // namespace eventbus::testing
