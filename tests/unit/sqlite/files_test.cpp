// Files that are not ours, are newer, are damaged, are locked, are gone, or have no room.
#include <sqlite3.h>

#include <catch2/catch_test_macros.hpp>
#include <cerrno>
#include <fstream>
#include <thread>

#include "driver.hpp"

namespace eventbus::sqlite::test {
namespace {

namespace fs = std::filesystem;

// A connection of the test's own.
class Raw {
 public:
  explicit Raw(const std::string& file) { REQUIRE(sqlite3_open(file.c_str(), &handle_) == SQLITE_OK); }
  ~Raw() { sqlite3_close(handle_); }
  Raw(const Raw&) = delete;
  Raw& operator=(const Raw&) = delete;
  void run(const char* sql) {
    INFO(sql);
    REQUIRE(sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr) == SQLITE_OK);
  }

 private:
  sqlite3* handle_ = nullptr;
};

Error opening(Fixture& fixture) {
  return error_of([&] { fixture.publisher(); });
}

std::string what_of(const Error& error) { return error.what(); }

// While it lives, writes of SQLite fail as on a full disk: by SQLite's own hook for that.
class FullDisk {
 public:
  FullDisk() { set(refuse<0>, refuse<1>); }
  ~FullDisk() { set(nullptr, nullptr); }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;

 private:
  template <int>
  static ssize_t refuse(int, const void*, size_t, off_t) {
    errno = ENOSPC;
    return -1;
  }
  static void set(ssize_t (*pwrite)(int, const void*, size_t, off_t),
                  ssize_t (*pwrite64)(int, const void*, size_t, off_t)) {
    sqlite3_vfs* vfs = sqlite3_vfs_find(nullptr);
    vfs->xSetSystemCall(vfs, "pwrite", reinterpret_cast<sqlite3_syscall_ptr>(pwrite));
    vfs->xSetSystemCall(vfs, "pwrite64", reinterpret_cast<sqlite3_syscall_ptr>(pwrite64));
  }
};

}  // namespace

TEST_CASE("a file in a folder that is not there is unavailable, with its path") {
  Fixture fixture;
  BackendSettings settings = fixture.settings("g", "c");
  settings.config_json = R"({"path": ")" + fixture.folder + R"(/none/bus.db"})";
  Driver driver(settings, fixture.host);
  Error error = error_of([&] { driver.backend->open(Role::publisher, {}); });
  CHECK(error.code() == ErrorCode::unavailable);
  CHECK(error.retryable());
  CHECK(what_of(error) ==
        "sqlite: cannot open 'orders:stream' in " + fixture.folder +
            "/none/bus.db: No such file or directory; its folder must exist, and this process must be "
            "able to write in it");
}

TEST_CASE("a file that is no database is refused and left as it was") {
  Fixture fixture;
  const std::string text =
      "this is a letter to my aunt, and long enough to have no place for a header of SQLite's own\n";
  std::ofstream(fixture.file) << text << text;
  Error error = opening(fixture);
  CHECK(error.code() == ErrorCode::invalid_config);
  CHECK(what_of(error).find("not a SQLite database") != std::string::npos);
  CHECK(fs::file_size(fixture.file) == 2 * text.size());
  CHECK(std::distance(fs::directory_iterator(fixture.folder), {}) == 1);
}

TEST_CASE("the database of another application is refused and left as it was") {
  Fixture fixture;
  Raw(fixture.file).run("CREATE TABLE aunts (name TEXT)");
  Error error = opening(fixture);
  CHECK(error.code() == ErrorCode::invalid_config);
  CHECK(what_of(error) ==
        "sqlite: cannot use " + fixture.file +
            ": it is the database of another application; let backends.sqlite.path name another file");
  CHECK(std::distance(fs::directory_iterator(fixture.folder), {}) == 1);
}

TEST_CASE("a file with a newer schema is refused with both versions") {
  Fixture fixture;
  fixture.publisher();
  Raw(fixture.file).run("PRAGMA user_version = 3");
  Error error = opening(fixture);
  CHECK(error.code() == ErrorCode::unsupported);
  CHECK(what_of(error) == "sqlite: cannot use " + fixture.file +
                              ": its schema is version 3, and this plugin knows versions up to 2; use the newer plugin "
                              "that wrote it");
}

TEST_CASE("a damaged file is told as such, with what to do") {
  Fixture fixture;
  fixture.publisher().publish_all({"a", "b"});
  std::fstream file(fixture.file, std::ios::in | std::ios::out | std::ios::binary);
  for (auto page = 1; page < 20; ++page) {  // all but the first, which holds the schema
    file.seekp(4096 * page);
    file << std::string(4096, '\x55');
  }
  file.close();
  Error error = error_of([&] { fixture.publisher().history(); });
  INFO(error.what());
  CHECK(error.code() == ErrorCode::internal);
  CHECK_FALSE(error.retryable());
  CHECK(what_of(error).find("damaged") != std::string::npos);
  CHECK(what_of(error).find(fixture.file) != std::string::npos);
}

TEST_CASE("where another process keeps the file locked a call waits for so long, and fails as retryable") {
  Fixture fixture;
  Driver consumer = fixture.consumer("g", "c", R"("busy_timeout_ms": 30)");
  consumer.publish_all({"a", "b"});
  auto held = consumer.receive(1);
  Raw other(fixture.file);
  other.run("BEGIN IMMEDIATE");
  AppendResult refused = consumer.publish("c");
  CHECK(refused.status == AppendStatus::rejected);
  REQUIRE(refused.error);
  CHECK(refused.error->code() == ErrorCode::unavailable);
  CHECK(refused.error->retryable());
  CHECK(what_of(*refused.error) == "sqlite: cannot publish to 'orders:stream' in " + fixture.file +
                                       ": another process kept it locked for 30 ms; end what keeps it, or raise "
                                       "backends.sqlite.busy_timeout_ms");
  SettleResult result;
  Settlement due{.token = held[0].token};
  consumer.backend->settle({&due, 1}, {&result, 1});
  CHECK(result.status == SettleStatus::failed);
  CHECK(result.retryable);
  Collector sink;
  CHECK(error_of([&] { consumer.backend->receive(10, 0ms, {&due, 1}, sink); }).code() == ErrorCode::unavailable);
  REQUIRE(sink.settlements.size() == 1);
  CHECK(sink.settlements[0].status == SettleStatus::failed);
  CHECK(consumer.history() == Types{"a", "b"});  // readers are not held up
  other.run("ROLLBACK");
  CHECK(consumer.publish("c").status == AppendStatus::written);
  CHECK(types_of(consumer.receive()) == Types{"b", "c"});
  CHECK(consumer.ack(held[0].token, true) == SettleStatus::done);
}

TEST_CASE("a call goes on as soon as the other process is done with the file") {
  Fixture fixture;
  Driver publisher = fixture.publisher();
  Raw other(fixture.file);
  other.run("BEGIN IMMEDIATE");
  std::atomic<bool> done{false};
  std::jthread late([&] {
    publisher.publish("a");
    done = true;
  });
  CHECK_FALSE(done);
  other.run("COMMIT");
  late.join();
  CHECK(publisher.history() == Types{"a"});
}

TEST_CASE("on a full disk nothing is half done, errors are retryable, and all goes on when there is room") {
  Fixture fixture;
  Driver consumer = fixture.consumer("g", "c");
  consumer.publish_all({"a", "b"});
  Token held = consumer.receive(1).at(0).token;
  {
    FullDisk full;
    AppendResult refused = consumer.publish("c");
    CHECK(refused.status == AppendStatus::rejected);
    REQUIRE(refused.error);
    CHECK(refused.error->code() == ErrorCode::unavailable);
    CHECK(refused.error->retryable());
    CHECK(what_of(*refused.error) ==
          "sqlite: cannot publish to 'orders:stream' in " + fixture.file + ": the disk is full; make room on it");
    CHECK(consumer.bury(held) == SettleStatus::failed);
    CHECK(consumer.ack(held) == SettleStatus::failed);
    CHECK(error_of([&] { consumer.receive(); }).retryable());
    CHECK(consumer.history() == Types{"a", "b"});
    CHECK(consumer.letters().empty());
    CHECK(consumer.group("g").pending == 1);
  }
  CHECK(consumer.publish("c").position == Position{3, 0});
  CHECK(consumer.bury(held) == SettleStatus::done);
  CHECK(types_of(consumer.receive()) == Types{"b", "c"});
}

TEST_CASE("a dead letter that the file refuses stays pending, and holds up no other settlement") {
  Fixture fixture;
  Driver consumer = fixture.consumer("g", "c");
  consumer.publish_all({"a", "b"});
  auto held = consumer.receive();
  Raw other(fixture.file);
  other.run("CREATE TRIGGER bar BEFORE INSERT ON dead_letters BEGIN SELECT RAISE(ABORT, 'barred'); END");
  DeadLetterReason why{"a handler", "broken", 1, {}, {}};
  std::vector<Settlement> due{{held[0].token, SettleAction::dead_letter, true, 0, 0ms, &why}, {.token = held[1].token}};
  std::vector<SettleResult> results(2);
  consumer.backend->settle(due, results);
  CHECK(results[0].status == SettleStatus::failed);
  CHECK(results[0].error.find("barred") != std::string::npos);
  CHECK(results[1].status == SettleStatus::done);
  CHECK(consumer.group("g").pending == 1);
  CHECK(consumer.letters().empty());
  other.run("DROP TRIGGER bar");
  CHECK(consumer.settle(due[0]) == SettleStatus::done);
  CHECK(consumer.letters().size() == 1);
}

TEST_CASE("a file that is deleted under the bus is made anew, and everyone goes on with the new one") {
  Fixture fixture;
  Driver consumer = fixture.consumer("g", "c");
  Driver publisher = fixture.publisher();
  publisher.publish_all({"a", "b"});
  Token held = consumer.receive(1).at(0).token;
  for (const auto& entry : fs::directory_iterator(fixture.folder)) fs::remove(entry.path());
  CHECK(publisher.publish("new").status == AppendStatus::written);
  CHECK(fixture.host.reconnected == 1);
  CHECK(consumer.settle({.token = held, .guarded = true}) == SettleStatus::failed);
  CHECK(error_of([&] { consumer.receive(); }).code() == ErrorCode::unavailable);
  consumer.backend->open(Role::consumer, StartFrom::latest());
  CHECK(fixture.host.group_recreated == 1);
  CHECK(types_of(consumer.receive()) == Types{"new"});  // from the beginning, whatever the start asked for
  Driver second(fixture.settings("g", "c"), fixture.host);
  CHECK(error_of([&] { second.backend->open(Role::consumer, {}); }).code() == ErrorCode::conflict);
}

TEST_CASE("a group that is deleted under its consumers is made anew, from the beginning") {
  Fixture fixture;
  Driver consumer = fixture.consumer("g", "c");
  consumer.publish_all({"a", "b"});
  consumer.receive(1);
  Raw(fixture.file).run("DELETE FROM groups");
  Error error = error_of([&] { consumer.receive(); });
  CHECK(error.code() == ErrorCode::unavailable);
  CHECK(what_of(error).find("group 'g' is gone") != std::string::npos);
  consumer.backend->open(Role::consumer, StartFrom::latest());
  CHECK(types_of(consumer.receive()) == Types{"a", "b"});
}

TEST_CASE("leases given before the machine was started last have ended") {
  Fixture fixture;
  Driver one = fixture.consumer("g", "one");
  one.publish_all({"a", "b"});
  auto held = one.receive();
  one.release(held[1].token, 0, 60s);
  Driver two = fixture.consumer("g", "two");
  CHECK(two.claim(60s).tokens.empty());
  one.backend->close();
  Raw(fixture.file).run("UPDATE boot SET id = 'an earlier start'");
  Driver three = fixture.consumer("g", "three");
  CHECK(three.claim(60s).tokens.size() == 2);
}

TEST_CASE("a row that another program wrote wrongly is handed out as undecodable") {
  Fixture fixture;
  Driver consumer = fixture.consumer("g", "c");
  consumer.publish("a");
  Raw(fixture.file).run("UPDATE events SET headers = 'no headers'");
  Delivered got = consumer.receive().at(0);
  CHECK(got.undecodable.find("headers") != std::string::npos);
  CHECK(got.type == "a");
  CHECK(consumer.bury(got.token) == SettleStatus::done);
}

TEST_CASE("many backends that open an absent file at once all use the one that is made") {
  Fixture fixture;
  std::atomic<int> opened{0};
  {
    std::vector<std::jthread> all;
    for (int i = 0; i < 8; ++i) {
      all.emplace_back([&, i] {
        Driver driver = fixture.consumer("g", "c" + std::to_string(i));
        driver.publish("a");
        ++opened;
      });
    }
  }
  CHECK(opened == 8);
  CHECK(fixture.publisher().info().length == 8);
}

TEST_CASE("a symbolic link and its file are one bus") {
  Fixture fixture;
  Driver consumer = fixture.consumer("g", "c");
  fs::create_symlink(fixture.file, fixture.folder + "/link.db");
  BackendSettings settings = fixture.settings("g", "c");
  settings.config_json = R"({"path": ")" + fixture.folder + R"(/link.db"})";
  Driver second(settings, fixture.host);
  CHECK(error_of([&] { second.backend->open(Role::consumer, {}); }).code() == ErrorCode::conflict);
  second.backend->open(Role::publisher, {});
  second.publish("a");
  CHECK(consumer.receive().size() == 1);
}

}  // namespace eventbus::sqlite::test
