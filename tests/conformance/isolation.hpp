// Runs the tests in a child process, so that a backend that crashes, hangs or ends its process breaks the promise that
// was being tested, and not the report. The tests that remain are run by the next child.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "ledger.hpp"

namespace eventbus::conformance {

struct Ending {
  std::string crash;  // "crashed: signal 11 (Segmentation fault)"; empty: ended by itself with exit code 0
};

// Calls `body` in a child process, which then ends; `line` gets each line that it writes to the descriptor that it is
// given. It is killed when it has been silent for `patience`.
Ending run_in_child(const std::function<void(int descriptor)>& body,
                    const std::function<void(const std::string&)>& line, std::chrono::seconds patience);

// Runs the named tests with `run`, which is called in a child process with the names that it shall run.
void run_isolated(std::vector<std::string> names, const std::function<void(const std::vector<std::string>&)>& run,
                  std::chrono::seconds patience, Ledger& ledger);

}  // namespace eventbus::conformance
