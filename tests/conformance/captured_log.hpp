// What this process writes to stderr, where the log goes.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <string_view>

namespace eventbus::conformance {

// Takes it while it lives. Threads: one at a time; one object at a time.
class CapturedLog {
 public:
  CapturedLog() : file_(std::tmpfile()), stderr_(::dup(STDERR_FILENO)) {
    std::fflush(stderr);
    ::dup2(::fileno(file_), STDERR_FILENO);
  }
  ~CapturedLog() {
    std::fflush(stderr);
    ::dup2(stderr_, STDERR_FILENO);
    ::close(stderr_);
    std::fclose(file_);
  }
  CapturedLog(const CapturedLog&) = delete;
  CapturedLog& operator=(const CapturedLog&) = delete;

  std::string text() const {
    std::fflush(stderr);
    std::string all(1 << 16, '\0');
    all.resize(static_cast<std::size_t>(std::max<ssize_t>(0, ::pread(::fileno(file_), all.data(), all.size(), 0))));
    return all;
  }
  bool tells(std::string_view what) const { return text().find(what) != std::string::npos; }

 private:
  std::FILE* file_;
  int stderr_;
};

}  // namespace eventbus::conformance
