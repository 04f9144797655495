// As much of a Redis client as tests need to look at a server, and to harm it. Not for code under test.
#pragma once

#include <string>
#include <vector>

namespace eventbus::testing {

// Connects to 127.0.0.1 at construction. Throws std::runtime_error where the server cannot be reached or answers with
// an error. Threads: one at a time.
class RedisClient {
 public:
  explicit RedisClient(int port);
  ~RedisClient();
  RedisClient(const RedisClient&) = delete;
  RedisClient& operator=(const RedisClient&) = delete;

  // The answer as text; the elements of an array each end a line, nil is empty.
  std::string call(const std::vector<std::string>& words);

 private:
  std::string read_line();
  std::string read_bytes(std::size_t count);
  std::string read_reply();
  void fill();

  int fd_;
  std::string buffer_;
};

}  // namespace eventbus::testing
