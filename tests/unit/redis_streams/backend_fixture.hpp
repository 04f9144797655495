// What the driver's tests share: one server for the program, and a stream of its own for each test.
#pragma once

#include <unistd.h>

#include <atomic>
#include <eventbus/backend.hpp>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "connection.hpp"
#include "redis_backend.hpp"
#include "redis_server.hpp"

namespace eventbus::redis_streams::testing {

using eventbus::testing::RedisServer;

inline RedisServer& shared_server() {
  static RedisServer server;
  return server;
}

struct RecordingHost final : BackendHost {
  void log(LogLevel, std::string_view message) noexcept override {
    std::lock_guard lock(mutex);
    lines.emplace_back(message);
  }
  void signal(BackendSignal signal, std::uint64_t count) noexcept override {
    if (signal == BackendSignal::reconnected) reconnected += count;
    if (signal == BackendSignal::group_recreated) group_recreated += count;
  }
  std::atomic<std::uint64_t> reconnected{0}, group_recreated{0};
  std::mutex mutex;  // guards lines
  std::vector<std::string> lines;
};

struct Received {
  Token token;
  Event event;
  std::string undecodable, only_group;
};

struct Sink final : ReceiveSink {
  void delivered(std::span<const DeliveryView> batch) override {
    for (const DeliveryView& view : batch) {
      Received& one = got.emplace_back();
      one.token = view.token;
      assign(one.event, view.event);
      one.undecodable = view.undecodable;
      one.only_group = view.only_group;
    }
  }
  void settled(std::span<const SettleResult> results) override {
    ++settled_calls;
    settled_before_delivery = got.empty();
    statuses.assign(results.begin(), results.end());
  }
  std::vector<Received> got;
  std::vector<SettleResult> statuses;
  int settled_calls = 0;
  bool settled_before_delivery = false;
};

struct World {
  explicit World(RedisServer& on = shared_server()) : server(on) {
    static std::atomic<int> next{0};
    prefix = "w" + std::to_string(getpid()) + "_" + std::to_string(++next);
  }

  BackendSettings settings(const std::string& consumer = "c1", const std::string& group = "g") const {
    BackendSettings out;
    out.stream_prefix = prefix;
    out.stream = stream();
    out.dead_letter_stream = dead_letters();
    out.group = group;
    out.consumer = consumer;
    out.lease = milliseconds(1000);
    out.config_json = R"({"redis_url":")" + server.url() + R"(","socket_timeout_ms":)" + std::to_string(timeout_ms) +
                      R"(,"wire_format":")" + wire_format + "\"}";
    return out;
  }
  std::unique_ptr<RedisBackend> backend(const std::string& consumer = "c1", const std::string& group = "g") {
    return std::make_unique<RedisBackend>(settings(consumer, group), host);
  }
  std::unique_ptr<RedisBackend> consumer(const std::string& name = "c1", const std::string& group = "g",
                                         const StartFrom& start = StartFrom::earliest()) {
    auto out = backend(name, group);
    out->open(Role::consumer, start);
    return out;
  }
  std::unique_ptr<RedisBackend> publisher() {
    auto out = backend("p");
    out->open(Role::publisher, {});
    return out;
  }

  std::string stream() const { return prefix + ":stream"; }
  std::string dead_letters() const { return prefix + ":stream_dlq"; }

  // A command of the test's own.
  template <class... Arguments>
  Reply redis(const Arguments&... arguments) {
    Connection connection(parse_url(server.url()), milliseconds(5000), milliseconds(5000), "test");
    connection.connect();
    return connection.call(make_request(arguments...), "ask");
  }
  std::int64_t pending(const std::string& group = "g") {
    Reply reply = redis("XPENDING", stream(), group);
    return reply[0].integer();
  }

  RedisServer& server;
  int timeout_ms = 5000;
  std::string wire_format = "eventbus";
  std::string prefix;
  RecordingHost host;
};

inline std::vector<Event> events(std::size_t count, const std::string& type = "T") {
  std::vector<Event> out(count);
  for (std::size_t i = 0; i < count; ++i) {
    out[i].id = "id" + std::to_string(i);
    out[i].type = type;
    out[i].aggregate_id = "a" + std::to_string(i % 3);
    out[i].payload.assign(std::to_string(i));
  }
  return out;
}

inline std::vector<AppendResult> publish(Backend& backend, std::vector<Event> list) {
  std::vector<AppendResult> results(list.size());
  backend.append(list, results);
  return results;
}

inline std::vector<Received> take(Backend& backend, std::size_t max, milliseconds wait = milliseconds(0)) {
  Sink sink;
  backend.receive(max, wait, {}, sink);
  return std::move(sink.got);
}

inline std::vector<Token> tokens_of(const std::vector<Received>& list) {
  std::vector<Token> out;
  for (const Received& one : list) out.push_back(one.token);
  return out;
}

inline Settlement settlement(const Token& token, SettleAction action, bool guarded = true) {
  Settlement out;
  out.token = token;
  out.action = action;
  out.guarded = guarded;
  return out;
}

inline SettleResult settle_one(Backend& backend, const Settlement& one) {
  SettleResult result;
  backend.settle({&one, 1}, {&result, 1});
  return result;
}

}  // namespace eventbus::redis_streams::testing
