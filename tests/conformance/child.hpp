// A consumer in a process of its own, for what only the death of a process shows: this program, started again.
#pragma once

#include <sys/types.h>

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "harness.hpp"

namespace eventbus::conformance {

// What the consumer's handler does with an event of a payload; "*" is every other. Actions: `ack` (the default),
// `throw`, `kill` (the process dies in the handler), `defer` (for ever), and `hang` (until told "go"; it then
// acknowledges), `hang-retry`, `hang-release`, `hang-dead` (likewise, with that outcome).
using Script = std::vector<std::pair<std::string, std::string>>;

// It says, a line each: "ready", "got ATTEMPT PAYLOAD" as a handler begins, "done ATTEMPT PAYLOAD" as it returns,
// counters as "stats NAME VALUE" and then "stopped", or "error CODE WHAT". Told "health" it says "health COLOUR" and
// "health consuming yes" or "no".
class Child {
 public:
  Child(const Stream& stream, const ConfigOverrides& overrides, const Script& script = {});
  ~Child();  // kills it
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  bool wait_for(const std::string& line);
  bool wait_for_lines(const std::string& beginning, std::size_t count);
  bool wait_until_told(const std::string& order, const std::string& line);  // gives the order until it says the line
  bool wait_for_end();                                                      // of the process
  std::size_t count(const std::string& beginning) const;
  std::vector<std::string> lines() const;
  bool is_dead() const;

  void go();      // lets hanging handlers return
  void stop();    // asks for a graceful stop; "stopped" follows, and the process ends
  void kill();    // SIGKILL
  void freeze();  // SIGSTOP
  void thaw();    // SIGCONT

 private:
  void read_lines();
  void say(const std::string& line);

  pid_t pid_ = -1;
  int input_ = -1, output_ = -1;
  mutable std::mutex mutex_;  // guards lines_ and dead_
  std::condition_variable changed_;
  std::vector<std::string> lines_;
  bool dead_ = false;
  std::thread reader_;
};

// The consumer itself: the main function of a process that was started for it. Returns its exit code.
int run_child(const std::string& prefix, const ConfigOverrides& overrides, const Script& script);

}  // namespace eventbus::conformance
