// What a run found out: of every promise whether it was kept, skipped (why) or broken; and the table that tells it.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

namespace eventbus::conformance {

enum class Verdict { kept, skipped, broken };

struct Promise {
  std::string row;   // "A.1"
  std::string name;  // the promise in words
  Verdict verdict = Verdict::kept;
  std::string reason;  // why it was skipped
};

// Threads: one. Filled in by a Catch2 listener while the tests run.
class Ledger {
 public:
  void add(Promise promise) { promises_.push_back(std::move(promise)); }
  const std::vector<Promise>& promises() const noexcept { return promises_; }
  bool any_broken() const;
  void print(std::ostream& out) const;

  // Compares what was skipped with what may be: the names in `file`, one a line, `#` begins a comment. Only promises
  // of this run count, and all names must exist if the run was `complete`. Prints each difference; true if there is
  // none.
  bool skipped_as_expected(const std::string& file, bool complete, std::ostream& out) const;

 private:
  std::vector<Promise> promises_;
};
Ledger& ledger();

}  // namespace eventbus::conformance
