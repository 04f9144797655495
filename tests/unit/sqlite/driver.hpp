// What the tests drive SQLite backends with: a host whose clocks stand still until they are moved, a file a test, a
// backend that is opened in one line, sinks that keep what they were given.
#pragma once

#include <unistd.h>
#include <atomic>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "sqlite_backend.hpp"

namespace eventbus::sqlite::test {

using namespace std::chrono_literals;

// Threads: any.
class DrivenHost final : public BackendHost {
 public:
  void log(LogLevel, std::string_view message) noexcept override {
    std::lock_guard lock(mutex_);
    lines_.emplace_back(message);
  }
  void signal(BackendSignal signal, std::uint64_t count) noexcept override {
    if (signal == BackendSignal::reconnected) reconnected += count;
    if (signal == BackendSignal::group_recreated) group_recreated += count;
  }
  std::chrono::steady_clock::time_point now() const noexcept override {
    return std::chrono::steady_clock::time_point(milliseconds(1000000 + passed_.load()));
  }
  Timestamp utc_now() const noexcept override { return Timestamp(milliseconds(1700000000000 + utc_.load())); }

  void pass(milliseconds time) {
    passed_ += time.count();
    utc_ += time.count();
  }
  void step_utc_back(milliseconds time) { utc_ -= time.count(); }

  std::atomic<std::uint64_t> reconnected{0}, group_recreated{0};

 private:
  std::atomic<std::int64_t> passed_{0};
  std::atomic<std::int64_t> utc_{0};
  std::mutex mutex_;  // guards lines_
  std::vector<std::string> lines_;
};

struct Delivered {
  Token token;
  std::string type;
  std::string only_group;
  std::string undecodable;
  Event event;
};

class Collector final : public ReceiveSink {
 public:
  void delivered(std::span<const DeliveryView> batch) override {
    for (const DeliveryView& view : batch) {
      Delivered& one = deliveries.emplace_back();
      one.token = view.token;
      one.type = view.event.type;
      one.only_group = view.only_group;
      one.undecodable = view.undecodable;
      assign(one.event, view.event);
    }
  }
  void settled(std::span<const SettleResult> results) override {
    settlements.assign(results.begin(), results.end());
    settled_first = deliveries.empty();
  }

  std::vector<Delivered> deliveries;
  std::vector<SettleResult> settlements;
  bool settled_first = false;
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
      : backend(std::make_unique<SqliteBackend>(settings, host)) {}

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

  std::unique_ptr<SqliteBackend> backend;
};

// The error that a call throws; an ErrorCode::internal "nothing was thrown" if it throws none.
inline Error error_of(const auto& call) {
  try {
    call();
  } catch (const Error& error) {
    return error;
  }
  return Error(ErrorCode::internal, "nothing was thrown");
}

// A folder a test, and the host of its backends. Declare it before the backends.
class Fixture {
 public:
  Fixture() { std::filesystem::create_directory(folder); }
  ~Fixture() { std::filesystem::remove_all(folder); }

  BackendSettings settings(std::string group, std::string consumer, const std::string& more = "") const {
    BackendSettings settings;
    settings.stream_prefix = "orders";
    settings.stream = "orders:stream";
    settings.dead_letter_stream = "orders:stream_dlq";
    settings.group = std::move(group);
    settings.consumer = std::move(consumer);
    settings.config_json = R"({"path": ")" + file + "\"" + (more.empty() ? "" : ", " + more) + "}";
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
  const std::string folder = fresh_folder();
  const std::string file = folder + "/bus.db";

 private:
  static std::string fresh_folder() {
    static std::atomic<int> count{0};
    auto name = "eventbus-sqlite-" + std::to_string(::getpid()) + "-" + std::to_string(++count);
    return (std::filesystem::temp_directory_path() / name).string();
  }
};

}  // namespace eventbus::sqlite::test

// What tests/unit/driver runs on.
namespace eventbus::driver_tests {
namespace under_test = sqlite::test;
inline const Event& event_of(const under_test::Delivered& delivered) { return delivered.event; }
}  // namespace eventbus::driver_tests
