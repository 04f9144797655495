#include "raw_redis.hpp"

#include <algorithm>
#include <charconv>
#include <stdexcept>

#include "workload.hpp"

namespace eventbus::bench {
namespace {

constexpr std::size_t batch = 100;

std::string_view text(const redisReply* reply) { return {reply->str, reply->len}; }

template <class Number>
std::string_view digits(char (&memory)[24], Number number) {
  return {memory, static_cast<std::size_t>(std::to_chars(memory, memory + sizeof memory, number).ptr - memory)};
}

}  // namespace

RawRedis::RawRedis(const std::string& url) {
  constexpr std::string_view scheme = "redis://";
  const std::string rest = url.starts_with(scheme) ? url.substr(scheme.size()) : std::string();
  const std::size_t colon = rest.find(':'), slash = rest.find('/');
  int port = 0;
  if (colon != std::string::npos) std::from_chars(rest.data() + colon + 1, rest.data() + rest.size(), port);
  if (port <= 0 || rest.find('@') != std::string::npos) {
    throw std::runtime_error("bench: cannot use --redis-url '" + url +
                             "': the raw peer takes redis://HOST:PORT[/DATABASE], with no password");
  }
  context_.reset(redisConnectWithTimeout(rest.substr(0, colon).c_str(), port, {5, 0}));
  if (!context_ || context_->err) {
    throw std::runtime_error("bench: cannot connect to '" + url +
                             "': " + (context_ ? context_->errstr : "out of memory") + "; is the server running?");
  }
  redisSetTimeout(context_.get(), {30, 0});
  if (slash != std::string::npos && slash + 1 < rest.size()) command({"SELECT", rest.substr(slash + 1)});
}

void RawRedis::send(std::span<const std::string_view> words) {
  words_.clear();
  lengths_.clear();
  for (std::string_view word : words) {
    words_.push_back(word.data());
    lengths_.push_back(word.size());
  }
  redisAppendCommandArgv(context_.get(), static_cast<int>(words_.size()), words_.data(), lengths_.data());
}

RawRedis::Reply RawRedis::reply() {
  void* answer = nullptr;
  if (redisGetReply(context_.get(), &answer) != REDIS_OK) {
    throw std::runtime_error("bench: no reply from redis-server: " + std::string(context_->errstr));
  }
  Reply result(static_cast<redisReply*>(answer));
  if (result->type == REDIS_REPLY_ERROR)
    throw std::runtime_error("bench: redis-server: " + std::string(text(result.get())));
  return result;
}

RawRedis::Reply RawRedis::command(std::initializer_list<std::string_view> words) {
  send({words.begin(), words.size()});
  return reply();
}

void RawRedis::append(const std::string& stream, const Event& event) {
  char version[24], time[24];
  const std::string_view words[] = {"XADD",
                                    stream,
                                    "*",
                                    "event_id",
                                    event.id,
                                    "event_type",
                                    event.type,
                                    "aggregate_id",
                                    event.aggregate_id,
                                    "aggregate_type",
                                    event.aggregate_type,
                                    "aggregate_version",
                                    digits(version, event.aggregate_version),
                                    "occurred_at",
                                    digits(time, event.occurred_at.time_since_epoch().count()),
                                    "correlation_id",
                                    event.headers.get(header::correlation_id).value_or(""),
                                    "payload",
                                    event.payload.bytes()};
  send(words);
}

void RawRedis::publish_one(const std::string& stream, const Event& event) {
  append(stream, event);
  reply();
}

void RawRedis::publish_all(const std::string& stream, std::span<const Event> events) {
  while (!events.empty()) {
    const auto chunk = events.first(std::min(batch, events.size()));
    for (const Event& event : chunk) append(stream, event);
    for (std::size_t i = 0; i < chunk.size(); ++i) reply();
    events = events.subspan(chunk.size());
  }
}

void RawRedis::consume(const std::string& stream, const std::string& group, std::size_t count,
                       const std::function<void(const RawEvent&)>& handler) {
  std::vector<std::string_view> ack;
  for (std::size_t done = 0; done < count;) {
    const Reply read =
        command({"XREADGROUP", "GROUP", group, "raw", "COUNT", std::to_string(batch), "STREAMS", stream, ">"});
    if (read->type != REDIS_REPLY_ARRAY) expect("events read by the raw loop", done, count);
    const redisReply& entries = *read->element[0]->element[1];
    ack.assign({"XACK", stream, group});
    for (std::size_t i = 0; i < entries.elements; ++i) {
      const redisReply& entry = *entries.element[i];
      const redisReply& fields = *entry.element[1];
      if (fields.elements != 16) expect("words in an entry's fields", fields.elements, 16);
      auto value = [&](std::size_t which) { return text(fields.element[2 * which + 1]); };
      handler({value(0), value(1), value(2), value(3), value(4), value(5), value(6), value(7)});
      ack.push_back(text(entry.element[0]));
    }
    send(ack);
    expect("events acknowledged by the raw loop", static_cast<std::uint64_t>(reply()->integer), entries.elements);
    done += entries.elements;
  }
}

void RawRedis::make_group(const std::string& stream, const std::string& group) {
  command({"XGROUP", "CREATE", stream, group, "0"});
}

void RawRedis::drop_group(const std::string& stream, const std::string& group) {
  command({"XGROUP", "DESTROY", stream, group});
}

void RawRedis::remove(const std::string& key) { command({"DEL", key}); }

void RawRedis::remove_matching(const std::string& pattern) {
  std::string cursor = "0";
  do {
    const Reply page = command({"SCAN", cursor, "MATCH", pattern, "COUNT", "1000"});
    const redisReply& keys = *page->element[1];
    for (std::size_t i = 0; i < keys.elements; ++i) command({"DEL", text(keys.element[i])});
    cursor = text(page->element[0]);
  } while (cursor != "0");
}

std::uint64_t RawRedis::length(const std::string& stream) {
  return static_cast<std::uint64_t>(command({"XLEN", stream})->integer);
}

std::uint64_t RawRedis::pending(const std::string& stream, const std::string& group) {
  return static_cast<std::uint64_t>(command({"XPENDING", stream, group})->element[0]->integer);
}

std::string RawRedis::config(std::string_view key) {
  const Reply pair = command({"CONFIG", "GET", key});
  return pair->elements == 2 ? std::string(text(pair->element[1])) : std::string("unknown");
}

ServerFacts RawRedis::facts() {
  const Reply info = command({"INFO", "server"});
  const std::string_view all = text(info.get()), key = "redis_version:";
  const std::size_t at = all.find(key);
  ServerFacts facts{"of unknown version", {}};
  if (at != std::string_view::npos) {
    const std::size_t from = at + key.size();
    facts.version = all.substr(from, all.find_first_of("\r\n", from) - from);
  }
  facts.persistence = "save \"" + config("save") + "\", appendonly " + config("appendonly");
  if (config("appendonly") == "yes") facts.persistence += ", appendfsync " + config("appendfsync");
  return facts;
}

}  // namespace eventbus::bench
