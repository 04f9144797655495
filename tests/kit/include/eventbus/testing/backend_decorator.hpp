// A backend around another: hands on every call; override what is to be different.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include <eventbus/backend.hpp>
#include <eventbus/config.hpp>
#include <eventbus/event_bus.hpp>

namespace eventbus::testing {

// Threads, errors, lifetime: as Backend. The facets are those of the backend inside.
class BackendDecorator : public Backend {
 public:
  explicit BackendDecorator(std::unique_ptr<Backend> inside) : inside_(std::move(inside)) {}

  void open(Role role, const StartFrom& start) override { inside_->open(role, start); }
  void append(std::span<Event> events, std::span<AppendResult> results) override { inside_->append(events, results); }
  void append_views(std::span<const EventView> events, std::span<AppendResult> results) override {
    inside_->append_views(events, results);
  }
  void receive(std::size_t max, milliseconds wait, std::span<const Settlement> settlements,
               ReceiveSink& sink) override {
    inside_->receive(max, wait, settlements, sink);
  }
  Cursor resume(std::size_t max, Cursor from, std::vector<Token>& tokens) override {
    return inside_->resume(max, from, tokens);
  }
  ClaimResult claim(milliseconds min_idle, std::size_t max, Cursor from) override {
    return inside_->claim(min_idle, max, from);
  }
  void redeliver(std::span<const Token> tokens, bool count, std::span<HoldStatus> results,
                 DeliverySink& sink) override {
    inside_->redeliver(tokens, count, results, sink);
  }
  void renew(std::span<const Token> tokens, std::span<HoldStatus> results) override { inside_->renew(tokens, results); }
  void settle(std::span<const Settlement> settlements, std::span<SettleResult> results) override {
    inside_->settle(settlements, results);
  }
  void wake() noexcept override { inside_->wake(); }
  void close() noexcept override { inside_->close(); }
  Capabilities capabilities() const override { return inside_->capabilities(); }
  bool needs_bytes() const noexcept override { return inside_->needs_bytes(); }
  DeadLetterStore* dead_letter_store() noexcept override { return inside_->dead_letter_store(); }
  History* history() noexcept override { return inside_->history(); }
  Inspection* inspection() noexcept override { return inside_->inspection(); }
  Retention* retention() noexcept override { return inside_->retention(); }
  IdempotencyStore* idempotency_store() noexcept override { return inside_->idempotency_store(); }

 protected:
  Backend& inside() noexcept { return *inside_; }

 private:
  const std::unique_ptr<Backend> inside_;
};

// What the engine gets instead of the backend. The settings and the host live longer than what is returned.
using Decorate =
    std::function<std::unique_ptr<Backend>(std::unique_ptr<Backend> inside, const BackendSettings&, BackendHost&)>;

// As open_bus, a plugin's backend included, with `decorate` around the backend.
std::unique_ptr<EventBus> open_decorated_bus(const BusConfig& config, const Decorate& decorate);

}  // namespace eventbus::testing
