// What the rows are written with: a bus opened by configuration on a stream of its own, recorders and gates for
// handlers, and waiting on conditions with a deadline.
//
// Threads: Catch2 asserts on the test's own thread alone; handlers record, the test compares.
#pragma once

#include <chrono>
#include <concepts>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include <eventbus/config.hpp>
#include <eventbus/event_bus.hpp>
#include <eventbus/open_bus.hpp>

namespace eventbus::conformance {

// What the suite runs on; set once, before the first test.
struct Target {
  std::string config = "{}";  // JSON text
  std::string origin = "the default configuration";
  std::filesystem::path directory{};  // what relative plugin_dirs are relative to; empty: the working directory
  ConfigOverrides overrides{};
  // A setting under which the backend cannot be reached, and one that bounds the stream to three events; without one
  // the rows that need it are skipped.
  ConfigOverrides unreachable{};
  ConfigOverrides bounded{};
  std::string fault_command{};  // see faults.hpp; empty: the rows that harm the server are skipped
  // Settings that lead to the server through port {port} of 127.0.0.1, the second with a wrong password.
  ConfigOverrides proxied{}, wrong_password{};
  std::vector<std::string> arguments{};  // of this program, as far as they name the target
};
Target& target();

inline constexpr std::chrono::seconds deadline{20};

// Waits until `condition` holds; false if it does not within `timeout`.
template <std::predicate Condition>
bool eventually(Condition&& condition, std::chrono::milliseconds timeout = deadline) {
  const auto end = std::chrono::steady_clock::now() + timeout;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return condition();
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

// A stream that no other test uses.
class Stream {
 public:
  Stream();
  explicit Stream(std::string prefix) : prefix_(std::move(prefix)) {}  // the one of a parent process
  const std::string& prefix() const noexcept { return prefix_; }

  BusConfig config(const ConfigOverrides& overrides = {}) const;
  std::unique_ptr<EventBus> open(const ConfigOverrides& overrides = {}) const;     // not connected yet
  std::unique_ptr<EventBus> connect(const ConfigOverrides& overrides = {}) const;  // connected

 private:
  std::string prefix_;
};

// Event{type, payload, aggregate}, the rest filled in by publish.
Event make_event(std::string type, std::string payload = {}, std::string aggregate_id = {});
std::vector<Event> make_events(const std::string& type, std::size_t count);  // payloads "0", "1", ...

// Publishes all and requires that all are written; returns their positions.
std::vector<Position> publish_written(EventBus& bus, std::vector<Event> events);

// The same from a thread of its own, for handlers that block: inline dispatch runs them inside the call. The bus must
// outlive the future.
std::future<bool> publish_aside(EventBus& bus, std::vector<Event> events);

struct Received {
  Event event;
  Position position;
  std::uint32_t attempt = 0;
  bool redelivered = false;
  std::string group;
  std::string consumer;
  std::chrono::steady_clock::time_point at{};
};

// Keeps what handlers receive, in the order of arrival. Threads: any. Declare it before the bus.
class Recorder {
 public:
  Handler handler(std::string name = "recorder");
  void add(const Event& event, const Delivery& delivery);

  bool wait_for(std::size_t count, std::chrono::milliseconds timeout = deadline);
  bool wait_for_payload(const std::string& payload);
  std::size_t count() const;
  std::size_t count_of_payload(const std::string& payload) const;
  std::vector<std::uint32_t> attempts_of(const std::string& payload) const;
  std::vector<Received> all() const;
  std::vector<std::string> payloads() const;

 private:
  mutable std::mutex mutex_;  // guards received_
  std::condition_variable changed_;
  std::vector<Received> received_;
};

// Handlers wait at it until the test opens it, at most for the deadline. Declare it before the bus.
class Gate {
 public:
  void open();
  void wait();  // counts who arrived
  bool wait_for_arrivals(std::size_t count);
  std::size_t arrived() const;

  // Opens it at the end of a scope, also of a test that is skipped in the middle. Declare it behind bus and
  // subscription.
  class OpenAtEnd {
   public:
    explicit OpenAtEnd(Gate& gate) : gate_(gate) {}
    ~OpenAtEnd() { gate_.open(); }
    OpenAtEnd(const OpenAtEnd&) = delete;
    OpenAtEnd& operator=(const OpenAtEnd&) = delete;

   private:
    Gate& gate_;
  };

 private:
  mutable std::mutex mutex_;  // guards the members below
  std::condition_variable changed_;
  std::size_t arrived_ = 0;
  bool open_ = false;
};

bool is_inline(const EventBus& bus);

// Skips the running test unless the backend declares the capability.
void need(bool declared, const std::string& capability);
void need_background_dispatch(const EventBus& bus, const std::string& why);

// The group's part of the stream's information; nullopt if there is no such group.
std::optional<StreamInfo::Group> group_info(const EventBus& bus, const std::string& group);

// Whether the counters add up as stats.hpp says, with nothing held.
bool adds_up(const Stats& stats);

// Waits until the bus holds nothing and, where the backend can tell, nothing of its group is pending.
bool settles(const EventBus& bus);

// Waits until the bus' group has `count` dead letters; returns all of them.
std::vector<DeadLetter> wait_for_dead_letters(EventBus& bus, std::size_t count);

// The code of the Error that the call throws; nullopt if it throws none. Another exception passes.
template <std::invocable Call>
std::optional<Error> error_of(Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    return error;
  }
  return std::nullopt;
}

template <std::invocable Call>
std::optional<ErrorCode> code_of(Call&& call) {
  const auto error = error_of(std::forward<Call>(call));
  return error ? std::optional(error->code()) : std::nullopt;
}

}  // namespace eventbus::conformance
