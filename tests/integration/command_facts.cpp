// eventbus check and info, configuration on the command line, and errors.
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>

#include "command.hpp"

namespace eventbus::integration {
namespace {

// A file that is removed with this object.
class File {
 public:
  explicit File(const std::string& text) {
    std::string place = (std::filesystem::temp_directory_path() / "eventbus-test-XXXXXX").string();
    if (!::mkdtemp(place.data())) throw std::runtime_error("cannot make a directory");
    directory_ = place;
    std::ofstream(path()) << text;
  }
  ~File() { std::filesystem::remove_all(directory_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  std::string path() const { return (directory_ / "bus.json").string(); }

 private:
  std::filesystem::path directory_;
};

TEST_CASE("info tells of the stream, its groups, dead letters, statistics and health", "[redis]") {
  const Command command;
  const Json before = Json::parse(command.run("info", {"--json"}).output);
  CHECK(before["exists"] == false);
  CHECK(before["groups"].empty());

  REQUIRE(command.run("publish", {}, numbered_lines(5)).code == 0);
  REQUIRE(command.run("consume", {"--count", "5", "--group", "audit"}).code == 0);
  REQUIRE(command.run("publish", {}, numbered_lines(2)).code == 0);
  const Ended told = command.run("info", {"--json"});
  REQUIRE(told.code == 0);
  const Json info = Json::parse(told.output);
  CHECK(info["stream"] == "orders:stream");
  CHECK(info["exists"] == true);
  CHECK(info["length"] == 7);
  CHECK(info["dead_letters"] == 0);
  CHECK(info["dead_letter_stream"] == "orders:stream_dlq");
  REQUIRE(info["groups"].size() == 1);
  CHECK(info["groups"][0]["name"] == "audit");
  CHECK(info["groups"][0]["pending"] == 0);
  CHECK((info["groups"][0]["lag"] == 2 || info["groups"][0]["lag"].is_null()));  // unknown before Redis 7
  CHECK(info["groups"][0]["consumers"].is_array());
  CHECK(info["stats"]["published"] == 0);  // of this process
  CHECK(info["health"]["connected"] == true);
  CHECK(info["health"]["problems"].is_array());

  const Ended for_people = command.run("info");
  CHECK(for_people.code == 0);
  CHECK(for_people.output.find("stream        orders:stream\nlength        7\n") != std::string::npos);
  CHECK(for_people.output.find("group         audit: 0 pending") != std::string::npos);
  CHECK(for_people.output.find("health        green") != std::string::npos);
}

TEST_CASE("check says what the backend guarantees, for people and as JSON", "[redis]") {
  const Command command;
  const Json facts = Json::parse(command.run("check", {"--json"}).output);
  CHECK(facts["valid"] == true);
  CHECK(facts["backend"] == "redis-streams");
  CHECK(facts["connected"] == true);
  CHECK(facts["stream"] == "orders:stream");
  CHECK(facts["capabilities"]["durable"] == true);
  CHECK(facts["capabilities"]["inline_dispatch"] == false);
  const Ended for_people = command.run("check");
  CHECK(for_people.code == 0);
  CHECK(for_people.output.find("the backend 'redis-streams' is connected") != std::string::npos);
}

TEST_CASE("a configuration file comes from --config or EVENTBUS_CONFIG, and --set goes before it") {
  const File file(R"({"stream_prefix": "from_file", "consumer_group": "from_file"})");
  auto stream = [](const Ended& ended) { return Json::parse(ended.output)["stream"].get<std::string>(); };
  CHECK(stream(run_child({EVENTBUS_COMMAND, "check", "--json", "--config", file.path()})) == "from_file:stream");
  CHECK(stream(run_child({EVENTBUS_COMMAND, "check", "--json"}, {}, {"EVENTBUS_CONFIG=" + file.path()})) ==
        "from_file:stream");
  const Ended set =
      run_child({EVENTBUS_COMMAND, "check", "--json", "--config", file.path(), "--set", "stream_prefix=set"});
  CHECK(stream(set) == "set:stream");
  CHECK(Json::parse(set.output)["group"] == "from_file");
}

TEST_CASE("one environment variable switches the backend") {
  testing::RedisServer server;
  const Ended ended = run_child({EVENTBUS_COMMAND, "check", "--json"}, {},
                                {"EVENTBUS_BACKEND=redis-streams", "EVENTBUS_REDIS_URL=" + server.url()});
  INFO(ended.errors);
  CHECK(Json::parse(ended.output)["backend"] == "redis-streams");
}

TEST_CASE("a wrong configuration is refused with the key, what was found and what is allowed, and exit code 2") {
  struct Refused {
    const char* text;
    const char* why;
  };
  for (const Refused& refused :
       {Refused{R"({"backnd": "memory"})", "backnd: unknown key; did you mean \"backend\"?"},
        Refused{R"({"batch_size": -1})", "batch_size: found -1; allowed is an integer from 1 to 100000"},
        Refused{R"({"block_ms": "5s"})",
                "block_ms: found \"5s\" (a string); allowed is an integer of milliseconds from 1 to 3600000"},
        Refused{R"({"concurrency": 0})", "concurrency: found 0; allowed is an integer from 1 to 1024"},
        Refused{R"({"backend": "redis-streams", "backends": {"redis-streams": {"redis_ulr": "x"}}})",
                "backends.redis-streams.redis_ulr: unknown key; did you mean \"redis_url\"?"}}) {
    const File file(refused.text);
    const Ended ended = run_child({EVENTBUS_COMMAND, "check", "--config", file.path()});
    CHECK(ended.code == 2);
    CHECK(ended.output.empty());
    CHECK(ended.errors == std::string("eventbus: config bus.json: ") + refused.why + "\n");
  }
}

TEST_CASE("a server that is down is named, with what to do, and exit code 1") {
  const Ended ended = run_child({EVENTBUS_COMMAND, "check", "--set", "backend=redis-streams", "--set",
                                 "backends.redis-streams.redis_url=redis://127.0.0.1:1"});
  CHECK(ended.code == 1);
  CHECK(ended.errors ==
        "eventbus: redis-streams: cannot connect to 127.0.0.1:1: connection refused; is the server running?\n");
}

#ifdef EVENTBUS_SQLITE_PLUGIN
TEST_CASE("info makes no file where the path of a SQLite bus is mistyped") {
  const File file("{}");
  const std::filesystem::path path = file.path() + ".db";
  const Ended ended = run_child({EVENTBUS_COMMAND, "info", "--set", "backend=" EVENTBUS_SQLITE_PLUGIN, "--set",
                                 "backends.sqlite.path=" + path.string()});
  CHECK(ended.code == 1);
  CHECK(ended.errors.find(path.string()) != std::string::npos);
  CHECK(std::distance(std::filesystem::directory_iterator(path.parent_path()), {}) == 1);
}
#endif

TEST_CASE("a text file named as a plugin is refused by name") {
  const File file("hello\n");
  const Ended ended = run_child({EVENTBUS_COMMAND, "check", "--set", "backend=" + file.path()});
  CHECK(ended.code == 1);
  CHECK(ended.errors.find("plugin bus.json: cannot load it: it is a text file, no shared library") !=
        std::string::npos);
}

TEST_CASE("a wrong call says what is wrong, on standard error, and exits with 2") {
  const Ended nothing = run_child({EVENTBUS_COMMAND});
  CHECK(nothing.code == 2);
  CHECK(nothing.errors.find("see eventbus --help") != std::string::npos);
  const Ended verb = run_child({EVENTBUS_COMMAND, "consum"});
  CHECK(verb.code == 2);
  CHECK(verb.errors == "eventbus: unknown verb 'consum'; did you mean 'consume'?\n");
  const Ended data = run_child({EVENTBUS_COMMAND, "publish", "--type", "T", "--data", "{"});
  CHECK(data.code == 2);
  CHECK(data.errors.find("--data: found '{'; allowed is JSON") != std::string::npos);
  const Ended setting = run_child({EVENTBUS_COMMAND, "check", "--set", "backend"});
  CHECK(setting.code == 2);
  CHECK(setting.errors.find("--set: found 'backend'; allowed is key=value") != std::string::npos);
}

}  // namespace
}  // namespace eventbus::integration
