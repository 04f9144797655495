#include "findings.hpp"

#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <vector>

#include <catch2/catch_test_case_info.hpp>
#include <catch2/interfaces/catch_interfaces_reporter.hpp>
#include <catch2/reporters/catch_reporter_event_listener.hpp>
#include <catch2/reporters/catch_reporter_registrars.hpp>

namespace eventbus::conformance {
namespace {

struct Listener {
  int descriptor = -1;
  Ledger* ledger = nullptr;
};
Listener& listener() {
  static Listener the_listener;
  return the_listener;
}

void tell(const Finding& finding) {
  const auto [descriptor, ledger] = listener();
  if (ledger && finding.kind == Finding::Kind::ended) ledger->add(finding.promise);
  if (descriptor < 0) return;
  const std::string line = line_of(finding) + '\n';
  for (std::size_t sent = 0; sent < line.size();) {
    const ssize_t size = ::write(descriptor, line.data() + sent, line.size() - sent);
    if (size < 0 && errno != EINTR) return;
    if (size > 0) sent += static_cast<std::size_t>(size);
  }
}

std::string escaped(const std::string& text) {
  std::string out;
  for (char c : text) {
    switch (c) {
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\t': out += "\\t"; break;
      default: out += c;
    }
  }
  return out;
}

std::vector<std::string> unescaped_fields(const std::string& line) {
  std::vector<std::string> fields(1);
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\t') {
      fields.emplace_back();
    } else if (line[i] == '\\' && i + 1 < line.size()) {
      const char c = line[++i];
      fields.back() += c == 'n' ? '\n' : c == 't' ? '\t' : c;
    } else {
      fields.back() += line[i];
    }
  }
  return fields;
}

std::string text_of(Catch::StringRef text) { return {text.data(), text.size()}; }

std::string failure_text(const Catch::AssertionStats& stats) {
  const Catch::AssertionResult& result = stats.assertionResult;
  std::string text = result.getSourceInfo().file;
  text = text.substr(text.rfind('/') + 1) + ":" + std::to_string(result.getSourceInfo().line) + ": ";
  if (result.hasExpression()) text += result.getExpressionInMacro() + " with " + result.getExpandedExpression();
  if (result.hasMessage()) text += (result.hasExpression() ? "; " : "") + text_of(result.getMessage());
  return text;
}

class Teller final : public Catch::EventListenerBase {
 public:
  using Catch::EventListenerBase::EventListenerBase;

  void testCaseStarting(const Catch::TestCaseInfo& info) override {
    promise_ = {};
    promise_.name = info.name;
    for (const Catch::Tag& tag : info.tags) {
      if (text_of(tag.original).find('.') != std::string::npos) promise_.row = text_of(tag.original);
    }
    began_ = std::chrono::steady_clock::now();
    tell({Finding::Kind::began, promise_});
  }

  void assertionEnded(const Catch::AssertionStats& stats) override {
    const Catch::AssertionResult& result = stats.assertionResult;
    if (result.getResultType() == Catch::ResultWas::ExplicitSkip) {
      promise_.reason = text_of(result.getMessage());
    } else if (!result.isOk() && promise_.reason.empty()) {
      promise_.reason = failure_text(stats);
    }
  }

  void testCaseEnded(const Catch::TestCaseStats& stats) override {
    const Catch::Counts& counts = stats.totals.testCases;
    promise_.verdict = counts.failed + counts.failedButOk > 0 ? Verdict::broken
                       : counts.skipped > 0                   ? Verdict::skipped
                                                              : Verdict::kept;
    promise_.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count();
    tell({Finding::Kind::ended, promise_});
  }

 private:
  Promise promise_;
  std::chrono::steady_clock::time_point began_;
};
CATCH_REGISTER_LISTENER(Teller)

}  // namespace

void tell_findings_to(int descriptor) { listener().descriptor = descriptor; }
void keep_findings_in(Ledger& ledger) { listener().ledger = &ledger; }

std::string line_of(const Finding& finding) {
  const Promise& promise = finding.promise;
  std::string line = finding.kind == Finding::Kind::began ? "began" : "ended";
  line += '\t' + escaped(promise.row) + '\t' + escaped(promise.name);
  if (finding.kind == Finding::Kind::began) return line;
  return line + '\t' + std::to_string(static_cast<int>(promise.verdict)) + '\t' + std::to_string(promise.seconds) +
         '\t' + escaped(promise.reason);
}

std::optional<Finding> finding_from(const std::string& line) {
  const auto fields = unescaped_fields(line);
  if (fields.size() == 3 && fields[0] == "began") {
    return Finding{Finding::Kind::began, {fields[1], fields[2], Verdict::broken, {}, 0}};
  }
  if (fields.size() != 6 || fields[0] != "ended") return std::nullopt;
  return Finding{Finding::Kind::ended,
                 {fields[1], fields[2], static_cast<Verdict>(std::atoi(fields[3].c_str())), fields[5],
                  std::strtod(fields[4].c_str(), nullptr)}};
}

}  // namespace eventbus::conformance
