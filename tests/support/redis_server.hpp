// A redis-server of the test's own, on a free port of 127.0.0.1. It ends with this object, and with the thread that
// started it, whatever becomes of that. EVENTBUS_TEST_REDIS_SERVER names another program to start, e.g. valkey-server.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

namespace eventbus::testing {

// Throws std::runtime_error if no server can be started. Threads: one at a time.
class RedisServer {
 public:
  enum class Keeps {
    nothing,
    appended,  // an append-only file in a directory of its own: survives a kill
    synced,    // the same, synced before each answer
  };

  explicit RedisServer(Keeps keeps = Keeps::nothing, std::vector<std::string> extra_arguments = {});
  ~RedisServer();
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;

  int port() const noexcept { return port_; }
  pid_t pid() const noexcept { return pid_; }
  std::string url() const { return "redis://127.0.0.1:" + std::to_string(port_); }

  void stop() noexcept;  // kills it
  void start();          // on the same port, with what it keeps
  void restart();

 private:
  std::vector<std::string> command() const;
  std::string data_file() const;

  Keeps keeps_;
  std::vector<std::string> extra_arguments_;
  std::filesystem::path directory_;  // empty unless it keeps something
  int port_ = 0;
  pid_t pid_ = -1;
};

}  // namespace eventbus::testing
