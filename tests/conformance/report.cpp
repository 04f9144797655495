#include "report.hpp"

#include <nlohmann/json.hpp>
#include <ostream>

namespace eventbus::conformance {
namespace {

std::string xml(const std::string& text) {
  std::string out;
  for (char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      default:  // what XML can't hold
        out += static_cast<unsigned char>(c) < 32 && c != '\n' && c != '\t' ? '?' : c;
    }
  }
  return out;
}

void write_case(std::ostream& out, const Promise& promise) {
  out << "    <testcase classname=\"" << xml(promise.row) << "\" name=\"" << xml(promise.name) << "\" time=\""
      << promise.seconds << '"';
  if (promise.verdict == Verdict::kept) {
    out << "/>\n";
    return;
  }
  const char* element = promise.verdict == Verdict::skipped ? "skipped" : "failure";
  out << ">\n      <" << element << " message=\"" << xml(promise.reason) << "\"/>\n    </testcase>\n";
}

const char* name_of(Verdict verdict) {
  return verdict == Verdict::kept ? "kept" : verdict == Verdict::skipped ? "skipped" : "broken";
}

nlohmann::json counts(const Chapter& chapter) {
  return {{"kept", chapter.kept}, {"skipped", chapter.skipped}, {"broken", chapter.broken}};
}

}  // namespace

void write_junit(std::ostream& out, const Subject& subject, const Ledger& ledger) {
  out << "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"eventbus-conformance: " << xml(subject.backend)
      << "\">\n";
  for (const Chapter& chapter : ledger.chapters()) {
    out << "  <testsuite name=\"" << chapter.letter << ' ' << xml(chapter.title) << "\" tests=\""
        << chapter.kept + chapter.skipped + chapter.broken << "\" failures=\"" << chapter.broken << "\" skipped=\""
        << chapter.skipped << "\" errors=\"0\">\n";
    for (const Promise& promise : ledger.promises()) {
      if (chapter_of(promise) == chapter.letter) write_case(out, promise);
    }
    out << "  </testsuite>\n";
  }
  out << "</testsuites>\n";
}

void write_json(std::ostream& out, const Subject& subject, const Ledger& ledger) {
  nlohmann::json report = counts(ledger.all());
  report["backend"] = subject.backend;
  report["declares"] = subject.declares;
  report["chapters"] = nlohmann::json::array();
  report["promises"] = nlohmann::json::array();
  for (const Chapter& chapter : ledger.chapters()) {
    nlohmann::json& line = report["chapters"].emplace_back(counts(chapter));
    line["chapter"] = chapter.letter;
    line["title"] = chapter.title;
  }
  for (const Promise& promise : ledger.promises()) {
    nlohmann::json& line = report["promises"].emplace_back();
    line = {{"row", promise.row},
            {"name", promise.name},
            {"verdict", name_of(promise.verdict)},
            {"seconds", promise.seconds}};
    if (!promise.reason.empty()) line["reason"] = promise.reason;
  }
  out << report.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
}

}  // namespace eventbus::conformance
