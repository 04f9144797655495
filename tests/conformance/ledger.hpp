// What a run found out: of every promise whether it was kept, skipped (why) or broken (why); and the table that tells
// it.
#pragma once

#include <cstddef>
#include <iosfwd>
#include <string>
#include <utility>
#include <vector>

namespace eventbus::conformance {

enum class Verdict { kept, skipped, broken };

struct Promise {
  std::string row;   // "A.1"
  std::string name;  // the promise in words
  Verdict verdict = Verdict::kept;
  std::string reason;  // why it was skipped, or how it was broken
  double seconds = 0;
};

struct Chapter {
  std::string letter;  // "A"; empty: all of them
  std::string title;
  std::size_t kept = 0, skipped = 0, broken = 0;
};

// Threads: one.
class Ledger {
 public:
  void add(Promise promise) { promises_.push_back(std::move(promise)); }
  const std::vector<Promise>& promises() const noexcept { return promises_; }
  bool any_broken() const;
  std::vector<Chapter> chapters() const;  // those with a promise in them
  Chapter all() const;
  void print(std::ostream& out) const;

  // Compares what was skipped with what may be: the names in `file`, one a line, `#` begins a comment. Only promises
  // of this run count, and all names must exist if the run was `complete`. Prints each difference; true if there is
  // none.
  bool skipped_as_expected(const std::string& file, bool complete, std::ostream& out) const;

 private:
  std::vector<Promise> promises_;
};

std::string chapter_of(const Promise& promise);

}  // namespace eventbus::conformance
