// The peer on Redis: what a careful user of hiredis writes by hand. Eight fields an event, a hundred commands a write,
// lock-step, the replies as trees, one XACK for all that was read.
#pragma once

#include <hiredis/hiredis.h>

#include <cstddef>
#include <cstdint>
#include <eventbus/event.hpp>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "report.hpp"

namespace eventbus::bench {

// An entry as it is read: views into the reply, for the call of the handler.
struct RawEvent {
  std::string_view id, type, aggregate_id, aggregate_type, aggregate_version, occurred_at, correlation_id, payload;
};

// Threads: one at a time. Errors: throws std::runtime_error, with the server's own words.
class RawRedis {
 public:
  explicit RawRedis(const std::string& url);  // redis://HOST:PORT[/DATABASE]

  void publish_one(const std::string& stream, const Event& event);
  void publish_all(const std::string& stream, std::span<const Event> events);

  // Reads, handles and acknowledges until `count` events are done, from the group's beginning.
  void consume(const std::string& stream, const std::string& group, std::size_t count,
               const std::function<void(const RawEvent&)>& handler);

  void make_group(const std::string& stream, const std::string& group);
  void drop_group(const std::string& stream, const std::string& group);
  void remove(const std::string& key);
  void remove_matching(const std::string& pattern);
  std::uint64_t length(const std::string& stream);
  std::uint64_t pending(const std::string& stream, const std::string& group);
  ServerFacts facts();

 private:
  struct FreeContext {
    void operator()(redisContext* context) const noexcept { redisFree(context); }
  };
  struct FreeReply {
    void operator()(redisReply* reply) const noexcept { freeReplyObject(reply); }
  };
  using Reply = std::unique_ptr<redisReply, FreeReply>;

  void send(std::span<const std::string_view> words);
  void append(const std::string& stream, const Event& event);
  Reply reply();
  Reply command(std::initializer_list<std::string_view> words);
  std::string config(std::string_view key);

  std::unique_ptr<redisContext, FreeContext> context_;
  std::vector<const char*> words_;  // the memory of one command
  std::vector<std::size_t> lengths_;
};

}  // namespace eventbus::bench
