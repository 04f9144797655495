// eventbus-conformance: runs the contract on whatever backend a configuration names.
// Exit code: 0 if no promise is broken (and the skips are the expected ones), 1 if one is, 2 for a wrong call.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>

#include <CLI/CLI.hpp>
#include <catch2/catch_session.hpp>

#include "harness.hpp"
#include "ledger.hpp"

namespace {

using eventbus::ConfigOverrides;
using eventbus::conformance::ledger;
using eventbus::conformance::Target;
using eventbus::conformance::target;

struct Options {
  std::string config;
  std::vector<std::string> set, unreachable, bounded;
  std::string filter, expect_skips;
  std::optional<std::uint32_t> seed;
  bool list = false;
};

CLI::App& add_options(CLI::App& app, Options& options) {
  app.add_option("--config", options.config, "the configuration file (default: the one that EVENTBUS_CONFIG names)")
      ->envname("EVENTBUS_CONFIG")
      ->check(CLI::ExistingFile);
  app.add_option("--set", options.set, "KEY=VALUE: replaces a key of the configuration; a dotted path")
      ->take_all()
      ->allow_extra_args(false);
  app.add_option("--unreachable", options.unreachable,
                 "KEY=VALUE: a setting under which the backend cannot be reached, for the rows that need one")
      ->allow_extra_args(false);
  app.add_option("--bounded", options.bounded,
                 "KEY=VALUE: a setting that bounds the stream to three events, for the rows that need one")
      ->allow_extra_args(false);
  app.add_option("--filter", options.filter, "which promises to test, as Catch2 takes it: [A], [G.59], \"*stop*\"");
  app.add_option("--seed", options.seed, "tests in a random order, drawn from this number");
  app.add_option("--expect-skips", options.expect_skips,
                 "fail unless exactly the promises named in this file are skipped")
      ->check(CLI::ExistingFile);
  app.add_flag("--list", options.list, "list the promises and end");
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

void aim(const Options& options) {
  Target& on = target();
  if (!options.config.empty()) {
    std::ifstream file(options.config);
    on.config.assign(std::istreambuf_iterator<char>(file), {});
    on.origin = options.config;
    on.directory = std::filesystem::absolute(options.config).parent_path();
  }
  on.overrides = overrides(options.set);
  on.unreachable = overrides(options.unreachable);
  on.bounded = overrides(options.bounded);
}

// What can't be opened at all is one message, not a hundred broken promises.
void announce() {
  auto bus = eventbus::conformance::Stream().open();
  const eventbus::Capabilities can = bus->capabilities();
  std::cout << "backend declares:";
  const std::pair<bool, const char*> all[] = {{can.durable, "durable"},
                                              {can.cross_process, "cross_process"},
                                              {can.competing_consumers, "competing_consumers"},
                                              {can.ordered, "ordered"},
                                              {can.inline_dispatch, "inline_dispatch"},
                                              {can.dead_letters, "dead_letters"},
                                              {can.history, "history"},
                                              {can.inspection, "inspection"},
                                              {can.retention, "retention"}};
  for (const auto& [declared, name] : all) {
    if (declared) std::cout << ' ' << name;
  }
  std::cout << '\n' << std::endl;
}

int run(const Options& options) {
  Catch::Session session;
  Catch::ConfigData& data = session.configData();
  if (!options.filter.empty()) data.testsOrTags.push_back(options.filter);
  data.processName = "eventbus-conformance";
  data.allowZeroTests = false;
  if (options.seed) {
    data.rngSeed = *options.seed;
    data.runOrder = Catch::TestRunOrder::Randomized;
  }
  if (options.list) {
    data.listTests = true;
    return session.run();
  }
  announce();
  // Not its exit code: Catch2 also fails a run in which every test was skipped.
  static_cast<void>(session.run());
  ledger().print(std::cout);
  bool kept = !ledger().any_broken() && !ledger().promises().empty();
  if (!options.expect_skips.empty()) {
    kept = ledger().skipped_as_expected(options.expect_skips, options.filter.empty(), std::cout) && kept;
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
    return run(options);
  } catch (const std::exception& error) {
    std::cerr << "eventbus-conformance: " << error.what() << '\n';
    return 2;
  }
}
