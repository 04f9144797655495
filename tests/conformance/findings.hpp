// What the tests tell while they run: through a pipe, so that what was found outlives a process that crashes.
#pragma once

#include <optional>
#include <string>

#include "ledger.hpp"

namespace eventbus::conformance {

// Where this process' tests tell to: a pipe, or, with no other process to tell, a ledger that outlives them.
void tell_findings_to(int descriptor);
void keep_findings_in(Ledger& ledger);

struct Finding {
  enum class Kind { began, ended };
  Kind kind = Kind::began;
  Promise promise;  // began: row and name
};

// A finding as a line, and back; nullopt for a line that is none.
std::string line_of(const Finding& finding);
std::optional<Finding> finding_from(const std::string& line);

}  // namespace eventbus::conformance
