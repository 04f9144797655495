// What is told about a plugin without running it here.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <eventbus/plugins.hpp>
#include <fstream>

#include "fixture.hpp"

namespace eventbus::host::test {
namespace {

TEST_CASE("a plugin's facts are read, and none of its code runs in this process") {
  const PluginInspection memory = inspect_plugin(MEMORY_PLUGIN);
  INFO(memory.refusal);
  REQUIRE(memory.loads());
  CHECK(memory.name == "memory-plugin");
  CHECK(memory.license == "Apache-2.0");
  CHECK(memory.abi_major == 1);
  CHECK(memory.config_schema.find("max_events") != std::string::npos);
  CHECK(std::filesystem::equivalent(memory.path, MEMORY_PLUGIN));

  ::unsetenv("EVENTBUS_TEST_LOADED");  // its constructor sets it
  CHECK(inspect_plugin(plugin_file("bad_missing_facet_function")).loads());
  CHECK(std::getenv("EVENTBUS_TEST_LOADED") == nullptr);
}

TEST_CASE("a plugin is refused in the loader's own words") {
  for (const char* name : {"bad_other_major", "bad_no_symbol"}) {  // the others would stay loaded
    const auto error = error_of([&] { Plugin::load(plugin_file(name)); });
    REQUIRE(error);
    CHECK(inspect_plugin(plugin_file(name)).refusal == error->what());
  }
  CHECK(inspect_plugin(plugin_file("bad_newer_host")).refusal.find("needs a host of plugin ABI 1.99") !=
        std::string::npos);
  CHECK(inspect_plugin(plugin_file("bad_missing_slot")).refusal.find("'receive' is missing") != std::string::npos);
  CHECK(inspect_plugin("/nonexistent/x.so").refusal.find("/nonexistent/x.so") != std::string::npos);
}

TEST_CASE("a plugin that crashes while it is loaded is refused for it") {
  const PluginInspection crashing = inspect_plugin(plugin_file("bad_crashes"));
  INFO(crashing.refusal);
  CHECK(crashing.refusal.find("libeventbus_bad_crashes.so") != std::string::npos);
  CHECK(crashing.refusal.find("crashes: signal 6") != std::string::npos);
}

TEST_CASE("the plugins of a folder are found by their names, those of plugin_dirs first") {
  BusConfig config;
  config.plugin_dirs = {TEST_PLUGINS};
  const auto files = find_plugins(config);
  REQUIRE(files.size() > 2);
  CHECK(files[0].parent_path() == TEST_PLUGINS);
  CHECK(std::find(files.begin(), files.end(), plugin_file("tiny")) != files.end());
  CHECK(std::any_of(files.begin(), files.end(),
                    [](const auto& file) { return std::filesystem::equivalent(file, MEMORY_PLUGIN); }));
}

}  // namespace
}  // namespace eventbus::host::test
