// The worker as a child process, with its standard input and output in the test's hands.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace eventbus::integration {

// Killed when this goes. Threads: one at a time.
class Worker {
 public:
  Worker(const std::string& config, const std::string& mode) {
    int in[2], out[2];
    if (::pipe(in) != 0 || ::pipe(out) != 0) throw std::runtime_error("cannot make a pipe");
    child_ = ::fork();
    if (child_ == 0) {
      ::dup2(in[0], 0);
      ::dup2(out[1], 1);
      for (int file : {in[0], in[1], out[0], out[1]}) ::close(file);
      ::execl(EVENTBUS_WORKER, EVENTBUS_WORKER, config.c_str(), mode.c_str(), static_cast<char*>(nullptr));
      ::_exit(127);
    }
    ::close(in[0]);
    ::close(out[1]);
    in_ = in[1];
    out_ = out[0];
    // Another worker must not keep this one's input open.
    ::fcntl(in_, F_SETFD, FD_CLOEXEC);
    ::fcntl(out_, F_SETFD, FD_CLOEXEC);
    if (child_ < 0) throw std::runtime_error("cannot fork");
  }
  ~Worker() {
    kill();
    finish();
    ::close(out_);
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // The next line that it prints; nullopt if it prints none before the deadline, or has ended.
  std::optional<std::string> line(std::chrono::milliseconds deadline = std::chrono::seconds(20)) {
    const auto until = std::chrono::steady_clock::now() + deadline;
    for (;;) {
      if (const auto end = buffer_.find('\n'); end != std::string::npos) {
        std::string line = buffer_.substr(0, end);
        buffer_.erase(0, end + 1);
        return line;
      }
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
      struct pollfd ready {
        out_, POLLIN, 0
      };
      if (left.count() <= 0 || ::poll(&ready, 1, static_cast<int>(left.count())) <= 0) return std::nullopt;
      char bytes[4096];
      const ssize_t size = ::read(out_, bytes, sizeof bytes);
      if (size <= 0) return std::nullopt;
      buffer_.append(bytes, static_cast<std::size_t>(size));
    }
  }

  void go() {
    if (::write(in_, "go\n", 3) != 3) throw std::runtime_error("the worker has ended");
  }
  void kill() {
    if (child_ > 0) ::kill(child_, SIGKILL);
  }
  // Ends its input and waits for its end; the exit code, or -1 if a signal ended it.
  int finish() {
    if (in_ >= 0) ::close(in_);
    in_ = -1;
    if (child_ > 0) {
      int status = 0;
      ::waitpid(child_, &status, 0);
      code_ = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }
    child_ = -1;
    return code_;
  }

 private:
  pid_t child_ = -1;
  int in_ = -1;
  int out_ = -1;
  int code_ = -1;
  std::string buffer_;
};

}  // namespace eventbus::integration
