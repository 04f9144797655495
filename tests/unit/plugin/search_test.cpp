// Where a plugin is looked for.
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <fstream>

#include "fixture.hpp"

namespace eventbus::host::test {
namespace {

namespace fs = std::filesystem;

// Folders with a file of the plugin's name each, and EVENTBUS_PLUGIN_PATH unset.
struct Folders {
  Folders() : root(fs::temp_directory_path() / ("eventbus-search-" + std::to_string(::getpid()))) {
    ::unsetenv("EVENTBUS_PLUGIN_PATH");
  }
  ~Folders() {
    ::unsetenv("EVENTBUS_PLUGIN_PATH");
    fs::remove_all(root);
  }
  std::string with_plugin(const std::string& folder) {
    fs::create_directories(root / folder);
    std::ofstream(root / folder / "libeventbus_my_backend.so") << folder;
    return (root / folder).string();
  }
  fs::path root;
};

TEST_CASE("a plain name becomes a file's name, with - as _") {
  Folders folders;
  auto found = find_plugin("my-backend", {folders.with_plugin("a")});
  CHECK(found == folders.root / "a" / "libeventbus_my_backend.so");
}

TEST_CASE("plugin_dirs come before EVENTBUS_PLUGIN_PATH, each in its order") {
  Folders folders;
  std::string a = folders.with_plugin("a"), b = folders.with_plugin("b"), c = folders.with_plugin("c");
  ::setenv("EVENTBUS_PLUGIN_PATH", (c + "::" + b).c_str(), 1);
  CHECK(find_plugin("my-backend", {"/nonexistent", b, a}).parent_path() == b);
  CHECK(find_plugin("my-backend", {"/nonexistent"}).parent_path() == c);
}

TEST_CASE("the folder next to the binaries is searched with no settings") {
  Folders folders;
  CHECK(fs::equivalent(find_plugin("memory-plugin", {}), MEMORY_PLUGIN));
}

TEST_CASE("a name with a slash is a path") {
  CHECK(find_plugin("./some/where.so", {"/nonexistent"}) == "./some/where.so");
}

TEST_CASE("the first file that exists decides, even if it is broken") {
  Folders folders;
  std::string broken = folders.with_plugin("broken");
  fs::create_directories(folders.root / "good");
  fs::copy_file(plugin_file("tiny"), folders.root / "good" / "libeventbus_my_backend.so");
  auto found = find_plugin("my-backend", {broken, (folders.root / "good").string()});
  CHECK(found.parent_path() == broken);
  auto error = error_of([&] { Plugin::load(found); });
  REQUIRE(error);
  CHECK(error->code() == ErrorCode::plugin_rejected);
}

TEST_CASE("a plugin that is nowhere is reported with every path that was tried", "[J.77]") {
  Folders folders;
  ::setenv("EVENTBUS_PLUGIN_PATH", "/from/environment", 1);
  auto error = error_of([] { find_plugin("no-such", {"/from/config"}); });
  REQUIRE(error);
  CHECK(error->code() == ErrorCode::not_found);
  std::string message = error->what();
  INFO(message);
  std::size_t at = 0;
  for (const char* part : {"no-such", "/from/config/libeventbus_no_such.so", "/from/environment/libeventbus_no_such.so",
                           "/plugins/libeventbus_no_such.so", "/lib/eventbus/plugins/libeventbus_no_such.so"}) {
    at = message.find(part, at);
    INFO(part);
    REQUIRE(at != std::string::npos);
  }
}

}  // namespace
}  // namespace eventbus::host::test
