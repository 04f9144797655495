#include <charconv>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <iostream>

#include <eventbus/error.hpp>
#include <eventbus/testing/scheduler.hpp>

namespace eventbus::testing {
namespace {

constexpr std::size_t shown_steps = 60;

std::string show(const std::vector<std::string>& trace) {
  const std::size_t from = trace.size() > shown_steps ? trace.size() - shown_steps : 0;
  std::string text =
      from ? "what ran, the last " + std::to_string(shown_steps) + " steps of " + std::to_string(trace.size()) + ":\n"
           : "what ran:\n";
  for (std::size_t i = from; i < trace.size(); ++i) text += "  " + trace[i] + '\n';
  return text;
}

ExploreOptions from_environment(ExploreOptions options) {
  const char* text = std::getenv("EVENTBUS_TEST_SEED");
  if (!text) return options;
  std::uint64_t seed = 0;
  const char* end = text + std::strlen(text);
  const auto [parsed, error] = std::from_chars(text, end, seed);
  if (error != std::errc{} || parsed != end) {
    throw Error(ErrorCode::invalid_argument, "explore: cannot use EVENTBUS_TEST_SEED: found '" + std::string(text) +
                                                 "'; a whole number is allowed, as a failed run prints it");
  }
  return {1, seed};
}

}  // namespace

Expectation explore(const std::function<Expectation(Scheduler&)>& test, ExploreOptions options) {
  options = from_environment(options);
  for (std::size_t run = 0; run < options.runs; ++run) {
    Scheduler scheduler(options.first_seed + run);
    auto failure = [&](const std::string& what) {
      const std::string seed = std::to_string(scheduler.seed());
      return "explore: seed " + seed + " fails, run " + std::to_string(run + 1) + " of " +
             std::to_string(options.runs) + "; EVENTBUS_TEST_SEED=" + seed + " runs it alone\n" + what +
             show(scheduler.trace());
    };
    try {
      const Expectation result = test(scheduler);
      if (!result) return {false, failure(result.text())};
    } catch (const std::exception& error) {
      return {false, failure(std::string("it threw: ") + error.what() + '\n')};
    } catch (...) {  // a test framework's, mostly, which tells what failed
      std::cerr << failure("");
      throw;
    }
  }
  return {true, "explore: " + std::to_string(options.runs) + " runs from seed " + std::to_string(options.first_seed) +
                    " on held\n"};
}

}  // namespace eventbus::testing
