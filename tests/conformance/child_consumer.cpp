// The consumer that Child starts: it tells on stdout what its handler gets, and takes orders on stdin.
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <iostream>

#include "child.hpp"

namespace eventbus::conformance {
namespace {

// In one write, so that what is told before a kill arrives whole.
void tell(const std::string& text) {
  const std::string line = text + "\n";
  if (::write(STDOUT_FILENO, line.data(), line.size()) < 0) ::_exit(3);
}

class Performer {
 public:
  explicit Performer(Script script) : script_(std::move(script)) {}

  Outcome handle(const Event& event, const Delivery& delivery) {
    const std::string payload(event.payload.bytes());
    const std::string what = std::to_string(delivery.attempt()) + " " + payload;
    tell("got " + what);
    Outcome outcome = act(action_for(payload), delivery);
    tell("done " + what);
    return outcome;
  }

  void go() {
    std::lock_guard lock(mutex_);
    gone_ = true;
    changed_.notify_all();
  }

 private:
  std::string action_for(const std::string& payload) const {
    for (const auto& [which, action] : script_) {
      if (which == payload || which == "*") return action;
    }
    return "ack";
  }

  Outcome act(const std::string& action, const Delivery& delivery) {
    if (action == "kill") ::raise(SIGKILL);
    if (action == "throw") throw std::runtime_error("the script says so");
    if (action.starts_with("hang")) {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return gone_; });
    }
    if (action == "defer") {
      std::lock_guard lock(mutex_);
      deferred_.push_back(delivery.defer());
    }
    if (action == "hang-retry") return Outcome::retry();
    if (action == "hang-release") return Outcome::release();
    if (action == "hang-dead") return Outcome::dead_letter("the script says so");
    return Outcome::ack();
  }

  const Script script_;
  std::mutex mutex_;  // guards the members below
  std::condition_variable changed_;
  bool gone_ = false;
  std::vector<Deferred> deferred_;
};

void tell_stats(const Stats& stats) {
  const std::pair<const char*, std::uint64_t> all[] = {
      {"consumed", stats.consumed},           {"success", stats.success},       {"failed", stats.failed},
      {"released", stats.released},           {"lease_lost", stats.lease_lost}, {"abandoned", stats.abandoned},
      {"dead_lettered", stats.dead_lettered}, {"retried", stats.retried}};
  for (const auto& [name, value] : all) tell("stats " + std::string(name) + " " + std::to_string(value));
}

void tell_health(const Health& health) {
  const char* colours[] = {"green", "yellow", "red"};
  tell(std::string("health consuming ") + (health.consuming ? "yes" : "no"));
  tell(std::string("health ") + colours[static_cast<int>(health.status)]);
}

}  // namespace

int run_child(const std::string& prefix, const ConfigOverrides& overrides, const Script& script) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  Performer performer(script);
  try {
    auto bus = Stream(prefix).connect(overrides);
    auto subscription = bus->subscribe_to_all(
        [&](const Event& event, const Delivery& delivery) { return performer.handle(event, delivery); });
    bus->start_consuming();
    tell("ready");
    for (std::string order; std::getline(std::cin, order);) {
      if (order == "go") performer.go();
      if (order == "health") tell_health(bus->health());
      if (order == "stop") {
        bus->stop_consuming();
        tell_stats(bus->stats());
        tell("stopped");
        ::_exit(0);
      }
    }
  } catch (const Error& error) {
    tell("error " + std::string(to_string(error.code())) + " " + error.what());
    return 1;
  }
  return 0;
}

}  // namespace eventbus::conformance
