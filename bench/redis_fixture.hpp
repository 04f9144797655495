// Streams of one benchmark on a server that may be somebody's: names of its own, removed at the end.
#pragma once

#include <unistd.h>

#include <memory>
#include <string>

#include "raw_redis.hpp"
#include "workload.hpp"

namespace eventbus::bench {

class RedisFixture {
 public:
  RedisFixture(const std::string& url, const std::string& purpose)
      : raw(url), url_(url), prefix_("eventbus-bench-" + std::to_string(::getpid()) + "-" + purpose) {}
  RedisFixture(const RedisFixture&) = delete;
  RedisFixture& operator=(const RedisFixture&) = delete;
  ~RedisFixture() {
    try {
      raw.remove_matching(prefix_ + ":*");
    } catch (const std::exception&) {  // the server is gone, and the benchmark said so
    }
  }

  std::unique_ptr<EventBus> bus(const std::string& group = "bench") const {
    return connected_bus(
        R"({"backend": "redis-streams", "log": {"level": "error"}, "batch_size": 100, "stream_prefix": ")" + prefix_ +
        R"(", "consumer_group": ")" + group + R"(", "consumer_name": "ours", )" +
        R"("backends": {"redis-streams": {"redis_url": ")" + url_ + R"("}}})");
  }

  std::string stream() const { return prefix_ + ":stream"; }
  std::string raw_stream() const { return prefix_ + ":raw"; }

  RawRedis raw;

 private:
  std::string url_;
  std::string prefix_;
};

}  // namespace eventbus::bench
