// What the tests drive memory backends with: a host whose clocks stand still until they are moved, a backend that is
// opened in one line, sinks that keep what they were given.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include <eventbus/memory/memory_backend.hpp>

namespace eventbus::memory::test {

using namespace std::chrono_literals;

// Threads: any.
class DrivenHost final : public BackendHost {
 public:
  void log(LogLevel, std::string_view) noexcept override {}
  void signal(BackendSignal, std::uint64_t) noexcept override {}
  std::chrono::steady_clock::time_point now() const noexcept override {
    return std::chrono::steady_clock::time_point(milliseconds(1000000 + passed_.load()));
  }
  Timestamp utc_now() const noexcept override { return Timestamp(milliseconds(1700000000000 + utc_.load())); }

  void pass(milliseconds time) {
    passed_ += time.count();
    utc_ += time.count();
  }
  void step_utc_back(milliseconds time) { utc_ -= time.count(); }

 private:
  std::atomic<std::int64_t> passed_{0};
  std::atomic<std::int64_t> utc_{0};
};

struct Delivered {
  Token token;
  std::string type;
  std::string only_group;
  std::shared_ptr<const Event> event;
};

class Collector final : public ReceiveSink {
 public:
  void delivered(std::span<const DeliveryView> batch) override {
    for (const DeliveryView& view : batch) {
      deliveries.push_back({view.token, view.shared->type, std::string(view.only_group), view.shared});
    }
  }
  void settled(std::span<const SettleResult> results) override { settlements.assign(results.begin(), results.end()); }

  std::vector<Delivered> deliveries;
  std::vector<SettleResult> settlements;
};

class LetterCollector final : public DeadLetterStore::Sink {
 public:
  void entry(const DeadLetter& entry) override { letters.push_back(entry); }
  std::vector<DeadLetter> letters;
};

inline std::vector<std::string> types_of(const std::vector<Delivered>& deliveries) {
  std::vector<std::string> types;
  for (const Delivered& one : deliveries) types.push_back(one.type);
  return types;
}

using Types = std::vector<std::string>;

// A backend with calls in the form that tests want.
class Driver {
 public:
  Driver(const BackendSettings& settings, BackendHost& host)
      : backend(std::make_unique<MemoryBackend>(settings, host)) {}

  AppendResult publish(std::string type) {
    Event event{.id = "id of " + type, .type = std::move(type)};
    AppendResult result;
    backend->append({&event, 1}, {&result, 1});
    return result;
  }
  Types publish_all(Types types) {
    for (const std::string& type : types) publish(type);
    return types;
  }
  std::vector<Delivered> receive(std::size_t max = 100, milliseconds wait = 0ms) {
    Collector sink;
    backend->receive(max, wait, {}, sink);
    return sink.deliveries;
  }
  SettleStatus settle(const Settlement& settlement) {
    SettleResult result;
    backend->settle({&settlement, 1}, {&result, 1});
    return result.status;
  }
  SettleStatus ack(const Token& token, bool guarded = false) {
    return settle({.token = token, .action = SettleAction::ack, .guarded = guarded});
  }
  SettleStatus release(const Token& token, std::uint32_t count = 0, milliseconds delay = 0ms) {
    return settle({token, SettleAction::release, true, count, delay, nullptr});
  }
  SettleStatus bury(const Token& token, std::string_view reason = "broken") {
    DeadLetterReason why{"a handler", reason, token.attempt, Timestamp(1s), Timestamp(2s)};
    return settle({token, SettleAction::dead_letter, true, 0, 0ms, &why});
  }
  HoldStatus renew(const Token& token) {
    HoldStatus result = HoldStatus::not_mine;
    backend->renew({&token, 1}, {&result, 1});
    return result;
  }
  HoldStatus redeliver(const Token& token, std::vector<Delivered>& deliveries, bool count = true) {
    HoldStatus result = HoldStatus::not_mine;
    Collector sink;
    backend->redeliver({&token, 1}, count, {&result, 1}, sink);
    deliveries = sink.deliveries;
    return result;
  }
  ClaimResult claim(milliseconds min_idle = 60s, std::size_t max = 100, Cursor from = {}) {
    return backend->claim(min_idle, max, from);
  }
  StreamInfo info() { return backend->inspection()->stream_info(); }
  StreamInfo::Group group(std::string_view name) {
    StreamInfo all = info();
    for (const auto& one : all.groups) {
      if (one.name == name) return one;
    }
    return {};
  }
  std::vector<DeadLetter> letters(const DeadLetterQuery& query = {}) {
    LetterCollector sink;
    backend->dead_letter_store()->list(query, sink);
    return sink.letters;
  }
  Types history(const HistoryQuery& query = {}) {
    Collector sink;
    backend->history()->read(query, sink);
    return types_of(sink.deliveries);
  }

  std::unique_ptr<MemoryBackend> backend;
};

// One broker a test, and the host of its backends.
class Fixture {
 public:
  BackendSettings settings(std::string group, std::string consumer, const std::string& more = "") const {
    BackendSettings settings;
    settings.stream_prefix = "orders";
    settings.stream = "orders:stream";
    settings.dead_letter_stream = "orders:stream_dlq";
    settings.group = std::move(group);
    settings.consumer = std::move(consumer);
    settings.config_json = R"({"broker": ")" + broker_ + "\"" + (more.empty() ? "" : ", " + more) + "}";
    return settings;
  }
  Driver make(const BackendSettings& with, Role role = Role::consumer, const StartFrom& start = {}) {
    Driver driver(with, host);
    driver.backend->open(role, start);
    return driver;
  }
  Driver consumer(std::string group, std::string name, const std::string& more = "") {
    return make(settings(std::move(group), std::move(name), more));
  }
  Driver publisher(const std::string& more = "") { return make(settings("none", "none", more), Role::publisher); }

  DrivenHost host;

 private:
  static std::string fresh_name() {
    static std::atomic<int> count{0};
    return "broker " + std::to_string(++count);
  }
  std::string broker_ = fresh_name();
};

}  // namespace eventbus::memory::test

// What tests/unit/driver runs on.
namespace eventbus::driver_tests {
namespace under_test = memory::test;
inline const Event& event_of(const under_test::Delivered& delivered) { return *delivered.event; }
}  // namespace eventbus::driver_tests
