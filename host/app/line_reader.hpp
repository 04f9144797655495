// Lines from a file descriptor, and whether the next one would have to be waited for.
#pragma once

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>

namespace eventbus::app {

class LineReader {
 public:
  explicit LineReader(int fd) : fd_(fd) {}

  // Without its newline; false at the end. Throws std::system_error.
  bool next(std::string& line) {
    for (std::size_t from = at_;;) {
      std::size_t newline = buffer_.find('\n', from);
      if (newline != std::string::npos) {
        line.assign(buffer_, at_, newline - at_);
        at_ = newline + 1;
        return true;
      }
      from = buffer_.size() - at_;
      buffer_.erase(0, at_);
      at_ = 0;
      if (!fill()) break;
    }
    line = std::move(buffer_);
    buffer_.clear();
    return !line.empty();
  }

  bool would_wait() const {
    if (buffer_.find('\n', at_) != std::string::npos) return false;
    pollfd input{fd_, POLLIN, 0};
    return ::poll(&input, 1, 0) == 0;
  }

 private:
  bool fill() {
    char chunk[65536];
    for (;;) {
      ssize_t n = ::read(fd_, chunk, sizeof chunk);
      if (n > 0) buffer_.append(chunk, static_cast<std::size_t>(n));
      if (n >= 0) return n > 0;
      if (errno != EINTR) throw std::system_error(errno, std::generic_category(), "cannot read the input");
    }
  }

  int fd_;
  std::string buffer_;
  std::size_t at_ = 0;
};

}  // namespace eventbus::app
