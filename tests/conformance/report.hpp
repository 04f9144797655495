// A run's findings for machines.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "ledger.hpp"

namespace eventbus::conformance {

struct Subject {
  std::string backend;                // as the configuration names it
  std::vector<std::string> declares;  // names of capabilities
};

// One test suite a chapter, one test case a promise.
void write_junit(std::ostream& out, const Subject& subject, const Ledger& ledger);

// {"backend", "declares": [...], "kept", "skipped", "broken", "chapters": [...], "promises": [...]}
void write_json(std::ostream& out, const Subject& subject, const Ledger& ledger);

}  // namespace eventbus::conformance
