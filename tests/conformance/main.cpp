// eventbus-conformance: runs the contract on whatever backend a configuration names.
// Exit code: 0 if no promise is broken (and the skips are the expected ones), 1 if one is, 2 for a wrong call or a
// backend that cannot be opened at all.
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>

#include <CLI/CLI.hpp>
#include <catch2/catch_session.hpp>
#include <catch2/catch_test_case_info.hpp>
#include <catch2/internal/catch_test_case_registry_impl.hpp>

#include "child.hpp"
#include "findings.hpp"
#include "harness.hpp"
#include "isolation.hpp"
#include "ledger.hpp"
#include "other_process.hpp"
#include "report.hpp"

namespace {

using eventbus::ConfigOverrides;
using eventbus::conformance::Ledger;
using eventbus::conformance::Subject;
using eventbus::conformance::Target;
using eventbus::conformance::target;

struct Options {
  std::string config, plugin, backend, json, junit, publish_to;
  std::size_t publish_count = 0;
  unsigned patience = 300;
  bool in_process = false;
  std::vector<std::string> set, unreachable, bounded, proxied, wrong_password;
  std::string fault_command, filter, expect_skips;
  std::string child;
  std::vector<std::string> child_set, child_does;
  std::optional<std::uint32_t> seed;
  bool list = false;
};

CLI::App& add_options(CLI::App& app, Options& options) {
  app.add_option("--config", options.config, "the configuration file (default: the one that EVENTBUS_CONFIG names)")
      ->envname("EVENTBUS_CONFIG")
      ->check(CLI::ExistingFile);
  auto* plugin = app.add_option("--plugin", options.plugin, "a plugin's file; short for --set backend=FILE")
                     ->check(CLI::ExistingFile);
  app.add_option("--backend", options.backend, "a backend's name; short for --set backend=NAME")->excludes(plugin);
  app.add_option("--set", options.set, "KEY=VALUE: replaces a key of the configuration; a dotted path")
      ->take_all()
      ->allow_extra_args(false);
  app.add_option("--unreachable", options.unreachable,
                 "KEY=VALUE: a setting under which the backend cannot be reached, for the rows that need one")
      ->allow_extra_args(false);
  app.add_option("--bounded", options.bounded,
                 "KEY=VALUE: a setting that bounds the stream to three events, for the rows that need one")
      ->allow_extra_args(false);
  app.add_option(
         "--proxied", options.proxied,
         "KEY=VALUE: a setting that leads to the server through port {port} of 127.0.0.1, for the rows that cut "
         "a connection")
      ->allow_extra_args(false);
  app.add_option("--wrong-password", options.wrong_password,
                 "KEY=VALUE: likewise, with the wrong password 'not-the-secret'")
      ->allow_extra_args(false);
  app.add_option("--fault-command", options.fault_command,
                 "a command that harms the server, for the rows that need it; run as COMMAND FAULT [ARGUMENT...]");
  app.add_option("--child", options.child, "")->group("");
  app.add_option("--child-set", options.child_set, "")->group("")->allow_extra_args(false);
  app.add_option("--child-does", options.child_does, "")->group("")->allow_extra_args(false);
  app.add_option("--filter", options.filter, "which promises to test, as Catch2 takes it: [A], [G.59], \"*stop*\"");
  app.add_option("--seed", options.seed, "tests in a random order, drawn from this number");
  app.add_option("--expect-skips", options.expect_skips,
                 "fail unless exactly the promises named in this file are skipped")
      ->check(CLI::ExistingFile);
  app.add_flag("--list", options.list, "list the promises and end");
  app.add_option("--json", options.json, "write what was found to this file as JSON; - is standard output");
  app.add_option("--junit", options.junit, "likewise as JUnit XML");
  app.add_option("--timeout", options.patience, "SECONDS after which a promise that is not told kept is broken")
      ->check(CLI::Range(1U, 86400U))
      ->capture_default_str();
  app.add_flag("--in-process", options.in_process,
               "run all in this process, for a debugger; a backend that crashes then ends the run");
  app.add_option("--publish-to", options.publish_to, "")->group("");
  app.add_option("--publish-count", options.publish_count, "")->group("");
  return app;
}

ConfigOverrides overrides(const std::vector<std::string>& assignments) {
  ConfigOverrides pairs;
  for (const std::string& assignment : assignments) {
    const auto at = assignment.find('=');
    if (at == std::string::npos || at == 0) throw CLI::ValidationError("'" + assignment + "'", "is not KEY=VALUE");
    pairs.emplace_back(assignment.substr(0, at), assignment.substr(at + 1));
  }
  return pairs;
}

void aim(Options& options) {
  Target& on = target();
  if (!options.plugin.empty()) options.backend = std::filesystem::absolute(options.plugin).string();
  if (!options.backend.empty()) options.set.push_back("backend=" + options.backend);
  if (!options.config.empty()) {
    std::ifstream file(options.config);
    on.config.assign(std::istreambuf_iterator<char>(file), {});
    on.origin = options.config;
    on.directory = std::filesystem::absolute(options.config).parent_path();
  }
  on.overrides = overrides(options.set);
  on.unreachable = overrides(options.unreachable);
  on.bounded = overrides(options.bounded);
  on.proxied = overrides(options.proxied);
  on.wrong_password = overrides(options.wrong_password);
  on.fault_command = options.fault_command;
  if (!options.config.empty()) on.arguments = {"--config", options.config};
  for (const std::string& assignment : options.set) on.arguments.insert(on.arguments.end(), {"--set", assignment});
}

std::vector<std::string> declared_by(const eventbus::Capabilities& can) {
  const std::pair<bool, const char*> all[] = {{can.durable, "durable"},
                                              {can.cross_process, "cross_process"},
                                              {can.competing_consumers, "competing_consumers"},
                                              {can.ordered, "ordered"},
                                              {can.inline_dispatch, "inline_dispatch"},
                                              {can.dead_letters, "dead_letters"},
                                              {can.history, "history"},
                                              {can.inspection, "inspection"},
                                              {can.retention, "retention"},
                                              {can.idempotency, "idempotency"}};
  std::vector<std::string> names;
  for (const auto& [declared, name] : all) {
    if (declared) names.push_back(name);
  }
  return names;
}

void write_line(int descriptor, const std::string& text) {
  if (::write(descriptor, (text + '\n').data(), text.size() + 1) < 0) throw std::runtime_error("cannot write a line");
}

// What can't be opened at all is one message, not a hundred broken promises. In a process of its own, as the backend's
// code runs here for the first time.
Subject describe(std::ostream& out, unsigned patience) {
  Subject subject;
  std::string problem;
  const auto ending = eventbus::conformance::run_in_child(
      [](int descriptor) {
        try {
          const eventbus::conformance::Stream stream;
          const auto bus = stream.open();
          write_line(descriptor, "backend " + stream.config().backend);
          for (const std::string& name : declared_by(bus->capabilities())) write_line(descriptor, "declares " + name);
        } catch (const std::exception& error) {
          write_line(descriptor, std::string("problem ") + error.what());
        }
      },
      [&](const std::string& line) {
        const auto space = line.find(' ');
        const std::string kind = line.substr(0, space);
        if (kind == "backend") {
          subject.backend = line.substr(space + 1);
        } else if (kind == "declares") {
          subject.declares.push_back(line.substr(space + 1));
        } else {
          problem += (problem.empty() ? "" : "\n") + (kind == "problem" ? line.substr(space + 1) : line);
        }
      },
      std::chrono::seconds(patience));
  if (!problem.empty()) throw std::runtime_error(problem);
  if (!ending.crash.empty()) throw std::runtime_error("the backend cannot be opened: it " + ending.crash);
  out << "backend declares:";
  for (const std::string& name : subject.declares) out << ' ' << name;
  out << "\n\n" << std::flush;
  return subject;
}

std::vector<std::string> names_of_tests(const Catch::Config& config) {
  std::vector<std::string> names;
  for (const auto& test : Catch::filterTests(Catch::getAllTestCasesSorted(config), config.testSpec(), config)) {
    names.push_back(test.getTestCaseInfo().name);
  }
  return names;
}

// One filter that matches these names and nothing else.
std::string filter_for(const std::vector<std::string>& names) {
  std::string filter;
  for (const std::string& name : names) {
    if (!filter.empty()) filter += ',';
    for (char c : name) {
      if (std::string_view("\\\",[]~*").find(c) != std::string_view::npos) filter += '\\';
      filter += c;
    }
  }
  return filter;
}

void write_report(const std::string& file, const Subject& subject, const Ledger& ledger,
                  void (*write)(std::ostream&, const Subject&, const Ledger&)) {
  if (file.empty()) return;
  if (file == "-") return write(std::cout, subject, ledger);
  std::ofstream out(file);
  write(out, subject, ledger);
  out.flush();
  if (!out) throw std::runtime_error("cannot write the report to '" + file + "'");
}

int run(const Options& options) {
  Catch::Session session;
  Catch::ConfigData data = session.configData();
  if (!options.filter.empty()) data.testsOrTags.push_back(options.filter);
  data.processName = "eventbus-conformance";
  data.allowZeroTests = false;
  if (options.seed) {
    data.rngSeed = *options.seed;
    data.runOrder = Catch::TestRunOrder::Randomized;
  }
  // Standard output is the report's, where that goes there.
  const bool text_aside = options.json == "-" || options.junit == "-";
  if (text_aside) data.defaultOutputFilename = "%stderr";
  data.listTests = options.list;
  session.useConfigData(data);
  if (options.list) return session.run();

  const auto names = names_of_tests(session.config());
  if (names.empty()) throw std::runtime_error("no promise matches the filter '" + options.filter + "'; see --list");
  std::ostream& out = text_aside ? std::cerr : std::cout;
  const Subject subject = describe(out, options.patience);
  Ledger ledger;
  // Not Catch2's exit code: it also fails a run in which every test was skipped.
  const auto run_tests = [&](const std::vector<std::string>& which) {
    if (which.size() < names.size()) data.testsOrTags = {filter_for(which)};
    session.useConfigData(data);
    static_cast<void>(session.run());
  };
  if (options.in_process) {
    eventbus::conformance::keep_findings_in(ledger);
    run_tests(names);
  } else {
    eventbus::conformance::run_isolated(names, run_tests, std::chrono::seconds(options.patience), ledger);
  }
  ledger.print(out);
  write_report(options.json, subject, ledger, eventbus::conformance::write_json);
  write_report(options.junit, subject, ledger, eventbus::conformance::write_junit);
  bool kept = !ledger.any_broken() && !ledger.promises().empty();
  if (!options.expect_skips.empty()) {
    kept = ledger.skipped_as_expected(options.expect_skips, options.filter.empty(), out) && kept;
  }
  return kept ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Tests whether the backend that a configuration names keeps the contract of eventbus.",
               "eventbus-conformance"};
  Options options;
  add_options(app, options);
  try {
    app.parse(argc, argv);
    aim(options);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  try {
    if (!options.publish_to.empty()) {
      return eventbus::conformance::publish_foreign(options.publish_to, options.publish_count);
    }
    if (!options.child.empty()) {
      return eventbus::conformance::run_child(options.child, overrides(options.child_set),
                                              overrides(options.child_does));
    }
    return run(options);
  } catch (const std::exception& error) {
    std::cerr << "eventbus-conformance: " << error.what() << '\n';
    return 2;
  }
}
