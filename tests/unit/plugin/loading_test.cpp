// What is refused, when, and with which words.
#include <unistd.h>

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "fixture.hpp"

namespace eventbus::host::test {
namespace {

// What the bad plugins leave behind when their code runs.
struct Traces {
  Traces() {
    for (const char* name : {"EVENTBUS_TEST_LOADED", "EVENTBUS_TEST_CREATED", "EVENTBUS_TEST_DESTROYED"}) {
      ::unsetenv(name);
    }
  }
  bool loaded() const { return std::getenv("EVENTBUS_TEST_LOADED") != nullptr; }
  bool created() const { return std::getenv("EVENTBUS_TEST_CREATED") != nullptr; }
  bool destroyed() const { return std::getenv("EVENTBUS_TEST_DESTROYED") != nullptr; }
};

std::string refusal(const std::filesystem::path& path) {
  auto error = error_of([&] { Plugin::load(path); });
  REQUIRE(error);
  CHECK(error->code() == ErrorCode::plugin_rejected);
  CHECK_FALSE(error->retryable());
  std::string message = error->what();
  INFO(message);
  CHECK(message.find(path.filename().string()) != std::string::npos);
  return message;
}

bool contains(const std::string& text, std::string_view part) {
  UNSCOPED_INFO(text);
  return text.find(part) != std::string::npos;
}

// A file of the test's own, removed at its end.
struct ScratchFile {
  ScratchFile(const std::string& name, std::string_view content)
      : path(std::filesystem::temp_directory_path() / (std::to_string(::getpid()) + name)) {
    std::ofstream(path, std::ios::binary) << content;
  }
  ~ScratchFile() { std::filesystem::remove(path); }
  std::filesystem::path path;
};

TEST_CASE("a file that is no shared library is refused by name, with what it is", "[J.77]") {
  ScratchFile text("-text.so", "this is a text file, not a plugin\n");
  ScratchFile empty("-empty.so", "");
  ScratchFile bytes("-bytes.so", std::string_view("\0\1\2\3\4\5\6\7", 8));
  CHECK(contains(refusal(text.path), "it is a text file"));
  CHECK(contains(refusal(empty.path), "it is an empty file"));
  CHECK(contains(refusal(bytes.path), "not ELF"));
  CHECK(contains(refusal(std::filesystem::temp_directory_path()), "it is a directory"));
}

TEST_CASE("a plugin that was cut off anywhere is refused", "[J.77]") {
  std::ifstream whole(plugin_file("tiny"), std::ios::binary);
  std::string content((std::istreambuf_iterator<char>(whole)), {});
  REQUIRE(content.size() > 4096);
  for (std::size_t size = 4; size < content.size(); size += content.size() / 29) {
    ScratchFile cut("-cut.so", std::string_view(content).substr(0, size));
    refusal(cut.path);
  }
}

TEST_CASE("a library without the symbol is refused before any of its code runs", "[J.77]") {
  Traces traces;
  CHECK(contains(refusal(plugin_file("bad_no_symbol")), "exports no eventbus_plugin_v1"));
  CHECK_FALSE(traces.loaded());
}

TEST_CASE("a plugin of another major is refused before any of its code runs, with both numbers", "[J.77]") {
  Traces traces;
  std::string message = refusal(plugin_file("bad_other_major"));
  CHECK(contains(message, "plugin ABI 2"));
  CHECK(contains(message, "this host loads ABI 1"));
  CHECK(contains(message, "rebuild"));
  CHECK_FALSE(traces.loaded());
}

TEST_CASE("a plugin that needs a newer host is refused before create, with both numbers", "[J.77]") {
  Traces traces;
  std::string message = refusal(plugin_file("bad_newer_host"));
  CHECK(contains(message, "1.99"));
  CHECK(contains(message, "1.0"));
  CHECK(traces.loaded());
  CHECK_FALSE(traces.created());
}

TEST_CASE("a plugin without a mandatory function is refused before create, and the function is named", "[J.77]") {
  Traces traces;
  CHECK(contains(refusal(plugin_file("bad_missing_slot")), "'receive'"));
  CHECK_FALSE(traces.created());
}

TEST_CASE("a facet with a function missing is refused, and what was created is destroyed") {
  Traces traces;
  RecordingHost host;
  auto plugin = Plugin::load(plugin_file("bad_missing_facet_function"));
  auto error = error_of([&] { plugin->create(settings(), host); });
  REQUIRE(error);
  CHECK(error->code() == ErrorCode::plugin_rejected);
  CHECK(contains(error->what(), "eventbus.history/1"));
  CHECK(traces.created());
  CHECK(traces.destroyed());
}

TEST_CASE("a path where nothing is gives not_found") {
  auto error = error_of([] { Plugin::load("/nonexistent/libeventbus_x.so"); });
  REQUIRE(error);
  CHECK(error->code() == ErrorCode::not_found);
  CHECK(contains(error->what(), "/nonexistent/libeventbus_x.so"));
}

TEST_CASE("a stripped plugin is a plugin") {
  CHECK(Plugin::load(plugin_file("stripped"))->description().name == "memory-plugin");
}

TEST_CASE("the descriptor is read as it stands, and absent texts are empty") {
  const auto& tiny = Plugin::load(plugin_file("tiny"))->description();
  CHECK(tiny.name == "tiny");
  CHECK(tiny.version == "1.2.3");
  CHECK(tiny.license == "Apache-2.0");
  CHECK(tiny.vendor.empty());
  CHECK(tiny.config_schema.empty());
  CHECK(tiny.abi_major == 1);
  CHECK(tiny.abi_minor == 0);
}

TEST_CASE("a file is loaded once, whatever path names it and however many threads ask") {
  auto first = Plugin::load(MEMORY_PLUGIN);
  std::filesystem::path file(MEMORY_PLUGIN);
  auto detour = file.parent_path() / "." / ".." / file.parent_path().filename() / file.filename();
  std::atomic<int> same{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 16; ++i) threads.emplace_back([&] { same += Plugin::load(detour) == first ? 1 : 0; });
  for (std::thread& thread : threads) thread.join();
  CHECK(same == 16);
}

}  // namespace
}  // namespace eventbus::host::test
