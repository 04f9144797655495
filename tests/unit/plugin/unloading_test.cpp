// A plugin can be unloaded and leaves nothing behind. A program of its own process: the others keep plugins loaded.
#include <catch2/catch_test_macros.hpp>
#include <fstream>
#include <string>

#include "fixture.hpp"

namespace eventbus::host::test {
namespace {

std::size_t threads() {
  auto tasks = std::filesystem::directory_iterator("/proc/self/task");
  return static_cast<std::size_t>(std::distance(begin(tasks), end(tasks)));
}

bool mapped(const std::filesystem::path& file) {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    if (line.find(file.filename().string()) != std::string::npos) return true;
  }
  return false;
}

std::size_t resident_kib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) return std::stoul(line.substr(6));
  }
  return 0;
}

void load_publish_unload(const std::filesystem::path& file) {
  RecordingHost host;
  auto backend = Plugin::load(file, true)->create(settings("unload"), host);
  backend->open(Role::consumer, StartFrom::earliest());
  std::vector<Event> events{event("A", "one"), event("B", "two")};
  std::vector<AppendResult> results(2);
  backend->append(events, results);
  KeepingSink sink;
  backend->receive(10, milliseconds(0), {}, sink);
  REQUIRE(sink.deliveries.size() == 2);
}

TEST_CASE("a plugin is loaded, used and unloaded 1000 times, and nothing of it remains", "[J.76]") {
  auto file = plugin_file("stripped");  // the memory backend, in a file that this program does not keep loaded
  if (mapped(file)) SKIP("another test of this process keeps the plugin loaded");
  const std::size_t threads_before = threads();
  for (int i = 0; i < 100; ++i) load_publish_unload(file);
  REQUIRE_FALSE(mapped(file));
  const std::size_t resident_before = resident_kib();
  for (int i = 0; i < 900; ++i) {
    load_publish_unload(file);
    REQUIRE_FALSE(mapped(file));
  }
  CHECK(threads() == threads_before);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  CHECK(resident_kib() < resident_before + 4096);
#else
  static_cast<void>(resident_before);
#endif
}

}  // namespace
}  // namespace eventbus::host::test
