#include "ledger.hpp"

#include <fstream>
#include <iomanip>
#include <map>
#include <ostream>
#include <set>
#include <utility>

namespace eventbus::conformance {
namespace {

const std::map<std::string, std::string>& titles() {
  static const std::map<std::string, std::string> by_letter = {{"A", "subscribing"},
                                                               {"B", "publishing"},
                                                               {"C", "consuming and acknowledging"},
                                                               {"D", "order and concurrency"},
                                                               {"E", "leases and recovery"},
                                                               {"F", "dead letters"},
                                                               {"G", "stopping"},
                                                               {"H", "faults"},
                                                               {"I", "looking inside"},
                                                               {"J", "the edge"}};
  return by_letter;
}

void count(Chapter& chapter, Verdict verdict) {
  switch (verdict) {
    case Verdict::kept: ++chapter.kept; break;
    case Verdict::skipped: ++chapter.skipped; break;
    case Verdict::broken: ++chapter.broken; break;
  }
}

void print_line(std::ostream& out, const Chapter& chapter) {
  const std::string title = chapter.letter.empty() ? "all" : chapter.letter + "  " + chapter.title;
  out << std::left << std::setw(34) << title << std::right << std::setw(6) << chapter.kept << std::setw(9)
      << chapter.skipped << std::setw(8) << chapter.broken << '\n';
}

void print_list(std::ostream& out, const std::vector<Promise>& promises, Verdict verdict, const char* title) {
  bool first = true;
  for (const Promise& promise : promises) {
    if (promise.verdict != verdict) continue;
    if (std::exchange(first, false)) out << '\n' << title << '\n';
    out << "  " << std::left << std::setw(6) << promise.row << promise.name << '\n';
    if (!promise.reason.empty()) out << "        " << promise.reason << '\n';
  }
}

}  // namespace

std::string chapter_of(const Promise& promise) { return promise.row.substr(0, promise.row.find('.')); }

bool Ledger::any_broken() const { return all().broken > 0; }

std::vector<Chapter> Ledger::chapters() const {
  std::map<std::string, Chapter> by_letter;
  for (const Promise& promise : promises_) {
    const std::string letter = chapter_of(promise);
    Chapter& chapter = by_letter[letter];
    chapter.letter = letter;
    if (const auto title = titles().find(letter); title != titles().end()) chapter.title = title->second;
    count(chapter, promise.verdict);
  }
  std::vector<Chapter> in_order;
  for (auto& [letter, chapter] : by_letter) in_order.push_back(std::move(chapter));
  return in_order;
}

Chapter Ledger::all() const {
  Chapter sum;
  for (const Promise& promise : promises_) count(sum, promise.verdict);
  return sum;
}

void Ledger::print(std::ostream& out) const {
  out << "chapter                             kept  skipped  broken\n";
  for (const Chapter& chapter : chapters()) print_line(out, chapter);
  print_line(out, all());
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
