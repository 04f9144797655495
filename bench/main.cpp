// eventbus-bench: ours against its peers, as ratios. A missed floor is marked, and is no failure; a wrong count is.
#include <CLI/CLI.hpp>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <thread>

#include "benchmarks.hpp"
#include "raw_redis.hpp"
#include "report.hpp"
#include "workload.hpp"

namespace eventbus::bench {
namespace {

struct Options {
  bool quick = false;
  bool smoke = false;
  std::string filter;
  std::string json;
  std::string redis_url;
};

Sizes sizes_for(const Options& options) {
  if (options.smoke) return {2000, 2000, 500, 1, 100, 1000};
  if (options.quick) return {100000, 50000, 10000, 2, 2000, 20000};
  return {1000000, 300000, 10000, 10, 10000, 100000};
}

std::string compiler() {
#if defined(__clang__)
  return "clang " __clang_version__;
#elif defined(__GNUC__)
  return "g++ " __VERSION__;
#else
  return "an unknown compiler";
#endif
}

Conditions conditions_for(const Options& options) {
  Conditions conditions;
  conditions.repetitions = options.smoke ? 1 : options.quick ? 9 : 15;
  conditions.sizes = options.smoke ? "smoke" : options.quick ? "quick" : "full";
  conditions.compiler = compiler();
#ifndef __OPTIMIZE__
  conditions.compiler += " without optimization: these figures say nothing";
#endif
  conditions.processors = std::thread::hardware_concurrency();
  getloadavg(&conditions.load, 1);
  conditions.notes = {
      "The goals of the memory rows are stated against eventpp, which is not in Debian: boost::signals2 and",
      "the queue stand in for it. The goal against std::function is that of a topic resolved once; what is",
      "measured is publish by type."};
  if (options.redis_url.empty()) {
    conditions.notes.push_back("Redis was not measured: no --redis-url was given.");
  } else {
    conditions.server = RawRedis(options.redis_url).facts();
  }
  return conditions;
}

std::vector<Named> benchmarks_for(const Options& options) {
  const Sizes sizes = sizes_for(options);
  std::vector<Named> chosen;
  auto add = [&](std::vector<Named> more) {
    for (Named& one : more) {
      if (one.name.find(options.filter) != std::string::npos) chosen.push_back(std::move(one));
    }
  };
  add(memory_inline(sizes));
  add(memory_background(sizes));
  if (!options.redis_url.empty()) {
    add(redis_publish(sizes, options.redis_url));
    add(redis_consume(sizes, options.redis_url));
  }
  return chosen;
}

void write_json(const std::string& file, const std::string& json) {
  if (file == "-") {
    std::cout << json;
    return;
  }
  std::ofstream out(file);
  out << json << std::flush;
  if (!out) throw std::runtime_error("bench: cannot write '" + file + "'");
}

int measure(const Options& options) {
  const Conditions conditions = conditions_for(options);
  const std::vector<Named> chosen = benchmarks_for(options);
  if (chosen.empty()) throw std::runtime_error("bench: no benchmark has '" + options.filter + "' in its name");
  std::mt19937 random(std::random_device{}());
  std::vector<Row> rows;
  for (const Named& one : chosen) {
    std::cerr << "measuring: " << one.name << '\n';
    try {
      const std::vector<Row> more = run(one.make(), conditions.repetitions, !options.smoke, random);
      rows.insert(rows.end(), more.begin(), more.end());
    } catch (const std::exception& error) {
      throw std::runtime_error(one.name + ": " + error.what());
    }
  }
  print_table(options.json == "-" ? std::cerr : std::cout, rows, conditions);
  if (!options.json.empty()) write_json(options.json, to_json(rows, conditions));
  return 0;
}

}  // namespace
}  // namespace eventbus::bench

int main(int argc, char** argv) {
  eventbus::bench::Options options;
  CLI::App app("Measures eventbus against its peers, alternately in one run, and prints the ratios.", "eventbus-bench");
  auto* quick = app.add_flag("--quick", options.quick, "9 repetitions, small sizes: within a minute");
  app.add_flag("--smoke", options.smoke, "1 repetition, tiny sizes: shows that it works, measures nothing")
      ->excludes(quick);
  app.add_option("--filter", options.filter, "only benchmarks with this text in their name");
  app.add_option("--json", options.json,
                 "also write JSON to this file; - is standard output, the table then goes to standard error");
  app.add_option("--redis-url", options.redis_url, "redis://HOST:PORT[/DATABASE]; without it Redis is not measured");
  CLI11_PARSE(app, argc, argv);
  try {
    eventbus::bench::clear_overrides();
    return eventbus::bench::measure(options);
  } catch (const std::exception& error) {
    std::cerr << "eventbus-bench: " << error.what() << '\n';
    return 1;
  }
}
