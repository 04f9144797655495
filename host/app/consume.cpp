// eventbus consume: prints events, and acknowledges what is printed.
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <eventbus/open_bus.hpp>
#include <iostream>
#include <mutex>

#include "ndjson.hpp"
#include "verbs.hpp"

namespace eventbus::app {
namespace {

using Clock = std::chrono::steady_clock;

volatile sig_atomic_t interrupted = 0;

// The first Ctrl-C drains; a second one ends the process at once.
void catch_signals() {
  struct sigaction action {};
  action.sa_handler = [](int) { interrupted = 1; };
  action.sa_flags = SA_RESETHAND;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  signal(SIGPIPE, SIG_IGN);  // a write then fails, and its event is not acknowledged
}

bool reader_is_gone() {
  pollfd output{STDOUT_FILENO, 0, 0};
  return ::poll(&output, 1, 0) > 0 && (output.revents & (POLLERR | POLLHUP | POLLNVAL)) != 0;
}

class Printer {
 public:
  explicit Printer(std::uint64_t limit) : limit_(limit) {}

  Outcome operator()(const Event& event, const Delivery& delivery) {
    std::lock_guard lock(mutex_);
    if (gone_ || full()) return Outcome::release();
    std::string line = line_from(event, delivery);
    if (std::fwrite(line.data(), 1, line.size(), stdout) != line.size() || std::fflush(stdout) != 0) {
      gone_ = true;
      return Outcome::release();
    }
    ++printed_;
    last_ = Clock::now();
    return Outcome::ack();
  }

  // These take no lock: the printing thread may wait for whoever reads the output.
  std::uint64_t printed() const noexcept { return printed_; }
  bool full() const noexcept { return limit_ > 0 && printed_ >= limit_; }
  bool gone() const noexcept { return gone_; }
  Clock::time_point last() const noexcept { return last_; }
  void start() noexcept { last_ = Clock::now(); }

 private:
  const std::uint64_t limit_;
  std::mutex mutex_;  // one line at a time
  std::atomic<std::uint64_t> printed_{0};
  std::atomic<bool> gone_{false};
  std::atomic<Clock::time_point> last_{Clock::now()};
};

bool finished(const EventBus& bus, const Printer& printer, const ConsumeOptions& options) {
  if (interrupted || printer.full() || printer.gone() || reader_is_gone() || !bus.is_consuming()) return true;
  return options.idle_exit_ms >= 0 && Clock::now() - printer.last() >= std::chrono::milliseconds(options.idle_exit_ms);
}

}  // namespace

int consume(const BusConfig& config, const ConsumeOptions& options) {
  catch_signals();
  auto bus = open_bus(config);
  Printer printer(options.count);
  auto subscription = bus->subscribe_to_all(
      [&printer](const Event& event, const Delivery& delivery) { return printer(event, delivery); });
  bus->connect();
  bus->start_consuming();
  printer.start();
  while (!finished(*bus, printer, options)) ::poll(nullptr, 0, 20);  // a signal ends the wait
  bool died = !interrupted && !bus->is_consuming();
  Health health = bus->health();
  DrainReport report = bus->stop_consuming();
  if (died) {
    std::cerr << "eventbus: consume: stopped by itself";
    for (const std::string& problem : health.problems) std::cerr << "; " << problem;
    std::cerr << '\n';
  } else if (printer.gone() || reader_is_gone()) {
    std::cerr << "eventbus: consume: cannot write to standard output; what was not printed stays with the group\n";
  } else if (interrupted) {
    std::cerr << "eventbus: drained: " << printer.printed() << " printed, " << report.released << " given back\n";
  }
  return died || printer.gone() || reader_is_gone() ? failure : ok;
}

}  // namespace eventbus::app
