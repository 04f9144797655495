// An honest backend, the memory one, to commit one sin over.
#pragma once

#include <utility>
#include <vector>

#include <eventbus/memory/memory_backend.hpp>
#include <eventbus/plugin.hpp>

namespace eventbus::broken {

class Decorated : public Backend {
 public:
  Decorated(const BackendSettings& settings, BackendHost& host) : honest_(settings, host) {}

  void open(Role role, const StartFrom& start) override { honest_.open(role, start); }
  void append_views(std::span<const EventView> events, std::span<AppendResult> results) override {
    honest_.append_views(events, results);
  }
  void receive(std::size_t max, milliseconds wait, std::span<const Settlement> settlements,
               ReceiveSink& sink) override {
    honest_.receive(max, wait, settlements, sink);
  }
  Cursor resume(std::size_t max, Cursor from, std::vector<Token>& tokens) override {
    return honest_.resume(max, from, tokens);
  }
  ClaimResult claim(milliseconds min_idle, std::size_t max, Cursor from) override {
    return honest_.claim(min_idle, max, from);
  }
  void redeliver(std::span<const Token> tokens, bool count, std::span<HoldStatus> results,
                 DeliverySink& sink) override {
    honest_.redeliver(tokens, count, results, sink);
  }
  void renew(std::span<const Token> tokens, std::span<HoldStatus> results) override { honest_.renew(tokens, results); }
  void settle(std::span<const Settlement> settlements, std::span<SettleResult> results) override {
    honest_.settle(settlements, results);
  }
  void wake() noexcept override { honest_.wake(); }
  void close() noexcept override { honest_.close(); }
  Capabilities capabilities() const override { return honest_.capabilities(); }
  DeadLetterStore* dead_letter_store() noexcept override { return honest_.dead_letter_store(); }
  History* history() noexcept override { return honest_.history(); }
  Inspection* inspection() noexcept override { return honest_.inspection(); }
  Retention* retention() noexcept override { return honest_.retention(); }

 protected:
  memory::MemoryBackend& honest() noexcept { return honest_; }

  void acknowledge(std::span<const Token> tokens) {
    std::vector<Settlement> acks(tokens.size());
    std::vector<SettleResult> results(tokens.size());
    for (std::size_t i = 0; i < tokens.size(); ++i) acks[i].token = tokens[i];
    honest_.settle(acks, results);
  }

 private:
  memory::MemoryBackend honest_;
};

// Passes on what it is given.
class PassingSink : public ReceiveSink {
 public:
  explicit PassingSink(ReceiveSink& to) : to_(to) {}
  void settled(std::span<const SettleResult> results) override { to_.settled(results); }
  void delivered(std::span<const DeliveryView> batch) override { to_.delivered(batch); }

 protected:
  ~PassingSink() = default;

 private:
  ReceiveSink& to_;
};

}  // namespace eventbus::broken

#define EVENTBUS_BROKEN_PLUGIN(BackendClass, sin) \
  EVENTBUS_PLUGIN(BackendClass, {.name = "broken-" sin, .config_schema = eventbus::memory::config_schema_text})
