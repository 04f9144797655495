// A program that runs beside the test: what it prints can be waited for, its input written, and it can be signalled.
// It ends with this object, and with the thread that started it.
#pragma once

#include <sys/types.h>

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace eventbus::integration {

struct Ended {
  int code = -1;       // its exit code; -1 if a signal ended it
  std::string output;  // standard output
  std::string errors;  // standard error
};

// Threads: one at a time.
class Child {
 public:
  // Throws std::runtime_error if it can't be started. It reads `input`, and inherits the environment without what
  // begins with EVENTBUS_; `environment` ("NAME=value") is added.
  explicit Child(std::vector<std::string> words, std::string_view input = {},
                 std::vector<std::string> environment = {});
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // False if it ended, or the time was up, before so many lines were printed.
  bool wait_for_lines(std::size_t count, std::chrono::milliseconds patience = std::chrono::seconds(30));
  void signal(int number);
  Ended wait();  // for its end

 private:
  void collect(int fd, std::string& text);

  pid_t pid_ = -1;
  std::array<int, 2> ends_{-1, -1};  // of its standard output and error
  std::mutex mutex_;                 // guards what follows
  std::condition_variable changed_;
  Ended ended_;
  std::size_t lines_ = 0;
  int open_ = 2;
  std::array<std::thread, 2> readers_;
};

// Runs a program to its end.
inline Ended run_child(std::vector<std::string> words, std::string_view input = {},
                       std::vector<std::string> environment = {}) {
  return Child(std::move(words), input, std::move(environment)).wait();
}

}  // namespace eventbus::integration
