// A redis-server of the test's own, on a free port of 127.0.0.1, with no persistence. It ends with this object, and
// with the thread that started it, whatever becomes of that.
#pragma once

#include <sys/types.h>

#include <string>

namespace eventbus::testing {

// Throws std::runtime_error if no server can be started. Threads: one at a time.
class RedisServer {
 public:
  RedisServer();
  ~RedisServer();
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;

  int port() const noexcept { return port_; }
  pid_t pid() const noexcept { return pid_; }
  std::string url() const { return "redis://127.0.0.1:" + std::to_string(port_); }

  void stop() noexcept;  // kills it
  void start();          // on the same port, empty
  void restart();

 private:
  int port_ = 0;
  pid_t pid_ = -1;
};

}  // namespace eventbus::testing
