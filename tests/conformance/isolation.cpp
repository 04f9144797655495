#include "isolation.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iostream>
#include <optional>
#include <stdexcept>

#include "findings.hpp"

// There under AddressSanitizer alone.
extern "C" __attribute__((weak)) void __lsan_do_leak_check(void);

namespace eventbus::conformance {
namespace {

[[noreturn]] void run_and_end(const std::function<void(int)>& body, int descriptor) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // nobody is left to hear it
  int code = 0;
  try {
    body(descriptor);
  } catch (const std::exception& error) {
    std::cerr << "eventbus-conformance: " << error.what() << '\n';
    code = 2;
  }
  std::cout.flush();
  std::fflush(nullptr);
  if (&__lsan_do_leak_check) __lsan_do_leak_check();
  ::_exit(code);  // what the backend left behind for exit is not what is tested
}

// Hands out whole lines until the other side closes; false once it has been silent for too long.
bool read_lines(int descriptor, const std::function<void(const std::string&)>& line, std::chrono::seconds patience) {
  std::string text;
  char part[4096];
  for (;;) {
    pollfd waiting{descriptor, POLLIN, 0};
    const int ready = ::poll(&waiting, 1, static_cast<int>(std::chrono::milliseconds(patience).count()));
    if (ready == 0) return false;
    const ssize_t size = ready < 0 ? -1 : ::read(descriptor, part, sizeof part);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return true;
    text.append(part, static_cast<std::size_t>(size));
    for (std::size_t end; (end = text.find('\n')) != std::string::npos; text.erase(0, end + 1)) {
      line(text.substr(0, end));
    }
  }
}

Ending ending_of(int status) {
  if (WIFSIGNALED(status)) {
    const int number = WTERMSIG(status);
    return {"crashed: signal " + std::to_string(number) + " (" + ::strsignal(number) + ")"};
  }
  if (WEXITSTATUS(status) != 0) return {"ended its process with exit code " + std::to_string(WEXITSTATUS(status))};
  return {};
}

}  // namespace

Ending run_in_child(const std::function<void(int)>& body, const std::function<void(const std::string&)>& line,
                    std::chrono::seconds patience) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("cannot make a pipe: " + std::string(strerror(errno)));
  std::cout.flush();
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("cannot start a child process: " + std::string(strerror(errno)));
  if (child == 0) {
    ::close(ends[0]);
    run_and_end(body, ends[1]);
  }
  ::close(ends[1]);
  const bool in_time = read_lines(ends[0], line, patience);
  ::close(ends[0]);
  if (!in_time) ::kill(child, SIGKILL);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!in_time) return {"did not end within " + std::to_string(patience.count()) + " s"};
  return ending_of(status);
}

void run_isolated(std::vector<std::string> names, const std::function<void(const std::vector<std::string>&)>& run,
                  std::chrono::seconds patience, Ledger& ledger) {
  while (!names.empty()) {
    std::optional<Promise> last;  // what the child was at, or had just ended when it crashed
    bool open = false;
    std::size_t done = 0;
    const auto hear = [&](const std::string& line) {
      const auto finding = finding_from(line);
      if (!finding) return;
      if (last && !open) ledger.add(*last);
      last = finding->promise;
      open = finding->kind == Finding::Kind::began;
      if (open) done += static_cast<std::size_t>(std::erase(names, finding->promise.name));
    };
    Ending ending = run_in_child(
        [&](int descriptor) {
          tell_findings_to(descriptor);
          run(names);
        },
        hear, patience);
    if (open && ending.crash.empty()) ending.crash = "ended its process with exit code 0";
    if (last && (open || (!ending.crash.empty() && last->verdict == Verdict::broken))) {
      last->verdict = Verdict::broken;  // Catch2 may have ended the test for the signal
      last->reason = ending.crash;
    } else if (!ending.crash.empty()) {
      ledger.add({last ? last->row : "J.76", "the process outlives what the backend leaves behind", Verdict::broken,
                  ending.crash, 0});
    }
    if (last) ledger.add(*last);
    if (ending.crash.empty() || done == 0) return;
  }
}

}  // namespace eventbus::conformance
