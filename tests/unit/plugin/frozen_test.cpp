// Plugins built from other versions of the header (frozen/CMakeLists.txt).
#include <catch2/catch_test_macros.hpp>
#include <string>

#include "fixture.hpp"

namespace eventbus::host::test {
namespace {

// Loads the plugin, sends an event through it and gets it back.
Capabilities use(const std::filesystem::path& file) {
  RecordingHost host;
  auto backend = Plugin::load(file)->create(settings(), host);
  backend->open(Role::consumer, StartFrom::earliest());
  std::vector<Event> events{event("A", "one")};
  std::vector<AppendResult> results(1);
  backend->append(events, results);
  CHECK(results[0].status == AppendStatus::written);
  KeepingSink sink;
  backend->receive(1, milliseconds(0), {}, sink);
  REQUIRE(sink.deliveries.size() == 1);
  CHECK(sink.deliveries[0].event.type == "A");
  CHECK(sink.deliveries[0].event.payload.bytes() == "one");
  return backend->capabilities();
}

TEST_CASE("a plugin built from an older header loads, and what it does not know has its default") {
  const Capabilities capabilities = use(plugin_file("built_from_older"));
  CHECK(capabilities.ordered);
  CHECK(capabilities.max_payload_bytes == 0);
}

TEST_CASE("a plugin built from a newer header loads, and finds that this host does not know what was added") {
  const auto file = plugin_file("built_from_newer");
  CHECK(Plugin::load(file)->description().abi_minor == 1);
  const Capabilities capabilities = use(file);
  CHECK(capabilities.max_payload_bytes == 63);
}

TEST_CASE("a plugin whose function table ends too early is refused by the mandatory function that it lacks") {
  const auto error = error_of([] { Plugin::load(plugin_file("built_from_shorter_table")); });
  REQUIRE(error);
  CHECK(error->code() == ErrorCode::plugin_rejected);
  CHECK(std::string(error->what()).find("'claim'") != std::string::npos);
}

TEST_CASE("a plugin built from each released minor's header loads") {
  int released = 0;
  for (const auto& entry : std::filesystem::directory_iterator(TEST_PLUGINS)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with("libeventbus_built_from_1.")) continue;
    INFO(name);
    use(entry.path());
    ++released;
  }
  if (released == 0) SKIP("no minor is released yet");
}

TEST_CASE("a plugin built by clang++ against libc++ loads and works") {
  if (std::string(LIBCXX_PLUGIN).empty()) SKIP("built without it: clang++ with libc++ was not found");
  RecordingHost host;
  const auto plugin = Plugin::load(LIBCXX_PLUGIN);
  auto backend = plugin->create(settings(), host);
  const auto error = error_of([&] { backend->renew({}, {}); });  // thrown there, and again here
  REQUIRE(error);
  CHECK(error->code() == ErrorCode::closed);
  CHECK(std::string(error->what()).find("open it first") != std::string::npos);
  backend->open(Role::consumer, StartFrom::earliest());
  std::vector<Event> events{event("A", "one"), event("B", std::string(100000, 'x'))};
  std::vector<AppendResult> results(2);
  backend->append(events, results);
  KeepingSink sink;
  backend->receive(10, milliseconds(0), {}, sink);
  REQUIRE(sink.deliveries.size() == 2);
  CHECK(sink.deliveries[1].event.payload.bytes() == std::string(100000, 'x'));
  std::vector<Settlement> settlements(1);
  settlements[0].token = sink.deliveries[0].token;
  backend->receive(10, milliseconds(0), settlements, sink);
  REQUIRE(sink.results.size() == 1);
  CHECK(sink.results[0].status == SettleStatus::done);
}

}  // namespace
}  // namespace eventbus::host::test
