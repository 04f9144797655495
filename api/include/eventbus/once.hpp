// Handlers that run once for duplicates.
//
//   auto store = bus->idempotency_store();  // goes with the backend; or a std::make_shared<InMemoryIdempotencyStore>()
//   bus->subscribe("OrderCreated", once(Handler("mailer", send_mail), store));
//
// An event's id is remembered, under the group and the handler's name, once the handler succeeded; a duplicate within
// `window` after that is acknowledged unrun. A failed attempt, a dead letter, a release are not remembered: the retry
// or the replay runs. While one consumer runs it, a duplicate elsewhere is released and comes back.
//
// Its limits: it narrows at-least-once, it does not make exactly-once. The handler runs again where the process dies
// between the handler's end and the remembering; where it ran longer than `lease`; after the window; where the store
// lost what it knew. A handler that must not repeat an effect keeps the event's id together with the effect, in one
// transaction.
#pragma once

#include <atomic>
#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <utility>

#include <eventbus/error.hpp>
#include <eventbus/handler.hpp>
#include <eventbus/idempotency.hpp>

namespace eventbus {

struct OnceOptions {
  std::chrono::milliseconds window = std::chrono::hours(24);
  // How long a handler may run with duplicates held off; and how long a consumer that died in it holds them off.
  std::chrono::milliseconds lease = std::chrono::minutes(1);
  // Told when the store failed after the handler had ended; the handler's outcome stands.
  std::function<void(const Error&)> on_store_error{};
};

namespace detail {

struct OnceSettings {
  std::shared_ptr<IdempotencyStore> store;
  OnceOptions options;
};

// One attempt's hold on a key. Its outcome decides once.
class OnceClaim {
 public:
  OnceClaim(std::shared_ptr<const OnceSettings> settings, std::string key)
      : settings_(std::move(settings)), key_(std::move(key)), owner_(next_owner()) {}

  IdempotencyStore::Claim begin() { return settings_->store->begin(key_, owner_, settings_->options.lease); }

  void conclude(bool succeeded) noexcept {
    if (concluded_.exchange(true)) return;
    try {
      try {
        if (succeeded) {
          settings_->store->finish(key_, settings_->options.window);
        } else {
          settings_->store->cancel(key_, owner_);
        }
      } catch (const Error& error) {
        if (!settings_->options.on_store_error) return;
        const char* effect = succeeded ? "': a duplicate may run again: " : "': it is held until its lease ends: ";
        settings_->options.on_store_error(
            Error(error.code(), "once: cannot settle '" + key_ + effect + error.what(), error.retryable()));
      }
    } catch (...) {  // the handler has ended: its outcome stands
    }
  }

 private:
  static std::string next_owner() {
    static const std::uint64_t process = (std::uint64_t{std::random_device{}()} << 32) | std::random_device{}();
    static std::atomic<std::uint64_t> last{0};
    return std::to_string(process) + "-" + std::to_string(++last);
  }

  const std::shared_ptr<const OnceSettings> settings_;
  const std::string key_;
  const std::string owner_;
  std::atomic<bool> concluded_{false};
};

class OnceDeferred final : public DeferredState {
 public:
  OnceDeferred(Deferred inner, std::shared_ptr<OnceClaim> claim) : inner_(std::move(inner)), claim_(std::move(claim)) {}
  bool settle(Outcome outcome) noexcept override {
    claim_->conclude(outcome.kind() == Outcome::Kind::ack);
    return inner_.settle(std::move(outcome));
  }
  void drop() noexcept override {
    claim_->conclude(false);
    inner_ = Deferred();
  }

 private:
  Deferred inner_;
  const std::shared_ptr<OnceClaim> claim_;
};

// A delivery whose deferred outcome decides the claim.
class OnceDelivery final : public DeliveryState {
 public:
  OnceDelivery(const Delivery& delivery, std::shared_ptr<OnceClaim> claim)
      : delivery_(delivery), claim_(std::move(claim)) {}
  std::shared_ptr<DeferredState> defer() override {
    auto deferred = std::make_shared<OnceDeferred>(delivery_.defer(), claim_);
    deferred_ = true;
    return deferred;
  }
  bool deferred() const noexcept { return deferred_; }

 private:
  const Delivery& delivery_;
  const std::shared_ptr<OnceClaim> claim_;
  bool deferred_ = false;
};

inline Outcome run_once(const Handler& handler, const std::shared_ptr<OnceClaim>& claim, const Event& event,
                        const Delivery& delivery) {
  OnceDelivery state(delivery, claim);
  const Delivery seen(delivery.position(), delivery.attempt(), delivery.group(), delivery.consumer(), state);
  try {
    Outcome outcome = handler(event, seen);
    if (!state.deferred()) claim->conclude(outcome.kind() == Outcome::Kind::ack);
    return outcome;
  } catch (...) {
    claim->conclude(false);
    throw;
  }
}

// A colon divides the parts of a key.
inline std::string key_part(std::string_view text) {
  std::string part;
  for (const char c : text) part += c == ':' ? std::string("%3A") : c == '%' ? std::string("%25") : std::string(1, c);
  return part;
}

}  // namespace detail

// Throws Error (invalid_argument) for a handler without a name, since what is remembered is remembered under it, and
// for no store. An event without an id is handed on as it is. If the store can't be asked, the attempt failed.
inline Handler once(Handler handler, std::shared_ptr<IdempotencyStore> store, OnceOptions options = {}) {
  auto refuse = [](const std::string& cause) {
    throw Error(ErrorCode::invalid_argument, "once: cannot wrap " + cause);
  };
  if (!handler) refuse("an empty handler; give a callable");
  if (handler.name().empty()) refuse("a handler without a name; give it one: what it is done with is kept under it");
  if (!store) refuse("'" + handler.name() + "': there is no store; give one");
  auto settings = std::make_shared<const detail::OnceSettings>(std::move(store), std::move(options));
  std::string name = handler.name();
  return Handler(name,
                 [handler = std::move(handler), settings = std::move(settings), part = detail::key_part(name)](
                     const Event& event, const Delivery& delivery) -> Outcome {
                   if (event.id.empty()) return handler(event, delivery);
                   auto claim = std::make_shared<detail::OnceClaim>(
                       settings, detail::key_part(delivery.group()) + ":" + part + ":" + event.id);
                   switch (claim->begin()) {
                     case IdempotencyStore::Claim::done: return Outcome::ack();
                     case IdempotencyStore::Claim::busy: return Outcome::release();
                     case IdempotencyStore::Claim::fresh: break;
                   }
                   return detail::run_once(handler, claim, event, delivery);
                 });
}

}  // namespace eventbus
