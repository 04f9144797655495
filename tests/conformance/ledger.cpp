#include "ledger.hpp"

#include <algorithm>
#include <fstream>
#include <iomanip>
#include <map>
#include <ostream>
#include <set>

#include <catch2/catch_test_case_info.hpp>
#include <catch2/interfaces/catch_interfaces_reporter.hpp>
#include <catch2/reporters/catch_reporter_event_listener.hpp>
#include <catch2/reporters/catch_reporter_registrars.hpp>

namespace eventbus::conformance {
namespace {

const std::map<std::string, std::string>& chapters() {
  static const std::map<std::string, std::string> titles = {{"A", "subscribing"},
                                                            {"B", "publishing"},
                                                            {"C", "consuming and acknowledging"},
                                                            {"D", "order and concurrency"},
                                                            {"E", "leases and recovery"},
                                                            {"F", "dead letters"},
                                                            {"G", "stopping"},
                                                            {"H", "faults"},
                                                            {"I", "looking inside"},
                                                            {"J", "the edge"}};
  return titles;
}

std::string chapter_of(const Promise& promise) { return promise.row.substr(0, promise.row.find('.')); }

std::size_t count(const std::vector<Promise>& promises, const std::string& chapter, Verdict verdict) {
  return static_cast<std::size_t>(std::count_if(promises.begin(), promises.end(), [&](const Promise& promise) {
    return promise.verdict == verdict && (chapter.empty() || chapter_of(promise) == chapter);
  }));
}

void print_line(std::ostream& out, const std::vector<Promise>& promises, const std::string& chapter,
                const std::string& title) {
  out << std::left << std::setw(34) << title << std::right << std::setw(6) << count(promises, chapter, Verdict::kept)
      << std::setw(9) << count(promises, chapter, Verdict::skipped) << std::setw(8)
      << count(promises, chapter, Verdict::broken) << '\n';
}

void print_list(std::ostream& out, const std::vector<Promise>& promises, Verdict verdict, const char* title) {
  if (count(promises, {}, verdict) == 0) return;
  out << '\n' << title << '\n';
  for (const Promise& promise : promises) {
    if (promise.verdict != verdict) continue;
    out << "  " << std::left << std::setw(6) << promise.row << promise.name << '\n';
    if (!promise.reason.empty()) out << "        " << promise.reason << '\n';
  }
}

class Listener final : public Catch::EventListenerBase {
 public:
  using Catch::EventListenerBase::EventListenerBase;

  void testCaseStarting(const Catch::TestCaseInfo&) override { reason_.clear(); }

  void assertionEnded(const Catch::AssertionStats& stats) override {
    if (stats.assertionResult.getResultType() == Catch::ResultWas::ExplicitSkip) {
      reason_ = std::string(stats.assertionResult.getMessage());
    }
  }

  void testCaseEnded(const Catch::TestCaseStats& stats) override {
    Promise promise;
    promise.name = stats.testInfo->name;
    for (const Catch::Tag& tag : stats.testInfo->tags) {
      const std::string text(tag.original.data(), tag.original.size());
      if (text.find('.') != std::string::npos) promise.row = text;
    }
    const Catch::Counts& counts = stats.totals.testCases;
    if (counts.failed + counts.failedButOk > 0) {
      promise.verdict = Verdict::broken;
    } else if (counts.skipped > 0) {
      promise.verdict = Verdict::skipped;
      promise.reason = reason_;
    }
    ledger().add(std::move(promise));
  }

 private:
  std::string reason_;
};
CATCH_REGISTER_LISTENER(Listener)

}  // namespace

Ledger& ledger() {
  static Ledger the_ledger;
  return the_ledger;
}

bool Ledger::any_broken() const { return count(promises_, {}, Verdict::broken) > 0; }

void Ledger::print(std::ostream& out) const {
  out << "chapter                             kept  skipped  broken\n";
  for (const auto& [letter, title] : chapters()) {
    const auto in_chapter = [&, &chapter = letter](const Promise& promise) { return chapter_of(promise) == chapter; };
    if (std::any_of(promises_.begin(), promises_.end(), in_chapter)) {
      print_line(out, promises_, letter, letter + "  " + title);
    }
  }
  print_line(out, promises_, {}, "all");
  print_list(out, promises_, Verdict::skipped, "skipped:");
  print_list(out, promises_, Verdict::broken, "broken:");
}

bool Ledger::skipped_as_expected(const std::string& file, bool complete, std::ostream& out) const {
  std::ifstream in(file);
  if (!in) {
    out << "eventbus-conformance: cannot read the expected skips from '" << file << "'\n";
    return false;
  }
  std::set<std::string> expected, seen;
  for (std::string line; std::getline(in, line);) {
    if (!line.empty() && line.front() != '#') expected.insert(line);
  }
  bool equal = true;
  for (const Promise& promise : promises_) {
    seen.insert(promise.name);
    const bool skipped = promise.verdict == Verdict::skipped;
    if (skipped == expected.contains(promise.name)) continue;
    equal = false;
    out << (skipped ? "skipped, which is not expected: " : "expected to be skipped, and was not: ") << promise.row
        << ' ' << promise.name << '\n';
  }
  for (const std::string& name : expected) {
    if (!complete || seen.contains(name)) continue;
    equal = false;
    out << "expected to be skipped, but no such promise exists: " << name << '\n';
  }
  return equal;
}

}  // namespace eventbus::conformance
