// eventbus-chaos: at-least-once, order and dead letters under kills of consumers, of connections and of the server.
// Exit code: 0 if every promise was kept, 1 if one was broken, 2 if it could not be tried.
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <random>
#include <stdexcept>

#include <CLI/CLI.hpp>

#include "storm.hpp"
#include "verdict.hpp"
#include "worker.hpp"

namespace {

std::filesystem::path make_directory() {
  std::string name = (std::filesystem::temp_directory_path() / "eventbus-chaos-XXXXXX").string();
  if (!::mkdtemp(name.data())) throw std::runtime_error("cannot make a directory for the journals");
  return name;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Tests the bus on a redis-server of its own while consumers, connections and the server are killed.",
               "eventbus-chaos"};
  eventbus::chaos::Plan plan;
  plan.seed = std::random_device{}();
  eventbus::chaos::WorkerOrder order;
  app.add_option("--seed", plan.seed, "what the storm is drawn from (default: drawn, and printed)");
  app.add_option("--seconds", plan.seconds, "how long it rages")->capture_default_str();
  app.add_option("--workers", plan.workers, "consumer processes")->capture_default_str();
  app.add_option("--worker", order.name, "")->group("");
  app.add_option("--config", order.config, "")->group("");
  app.add_option("--journal", order.journal, "")->group("");
  CLI11_PARSE(app, argc, argv);
  order.seed = plan.seed;
  try {
    if (!order.name.empty()) return eventbus::chaos::work(order);
    std::cout << "seed " << plan.seed << std::endl;
    const auto directory = make_directory();
    const auto after = eventbus::chaos::rage(plan, directory);
    const bool kept = eventbus::chaos::judge(plan, after, std::cout);
    if (kept) {
      std::filesystem::remove_all(directory);
    } else {
      std::cout << "journals: " << directory.string() << '\n';
    }
    return kept ? EXIT_SUCCESS : EXIT_FAILURE;
  } catch (const std::exception& error) {
    std::cerr << "eventbus-chaos: " << error.what() << '\n';
    return 2;
  }
}
