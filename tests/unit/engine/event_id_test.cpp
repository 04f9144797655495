#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <eventbus/event_id.hpp>
#include <mutex>
#include <regex>
#include <set>
#include <string>
#include <thread>
#include <vector>

TEST_CASE("an event id is a UUID of version 7", "[event_id]") {
  static const std::regex uuid7("[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}");
  CHECK(std::regex_match(eventbus::new_event_id(), uuid7));
}

TEST_CASE("ids of one thread increase", "[event_id]") {
  std::string last = eventbus::new_event_id();
  for (int i = 0; i < 100000; ++i) {
    std::string next = eventbus::new_event_id();
    REQUIRE(next > last);
    last = std::move(next);
  }
}

TEST_CASE("ids of many threads are distinct", "[event_id]") {
  std::mutex mutex;
  std::set<std::string> all;
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      std::vector<std::string> mine;
      for (int i = 0; i < 2000; ++i) mine.push_back(eventbus::new_event_id());
      std::lock_guard lock(mutex);
      all.insert(mine.begin(), mine.end());
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(all.size() == 16000);
}

TEST_CASE("a forked child does not draw its parent's ids", "[event_id]") {
  eventbus::new_event_id();  // seeds this thread's generator before the fork
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    std::string id = eventbus::new_event_id();
    _exit(write(ends[1], id.data(), id.size()) == 36 ? 0 : 1);
  }
  std::string mine = eventbus::new_event_id();
  std::string theirs(36, '\0');
  REQUIRE(read(ends[0], theirs.data(), 36) == 36);
  int status = 0;
  waitpid(child, &status, 0);
  close(ends[0]);
  close(ends[1]);
  CHECK(mine.substr(24) != theirs.substr(24));  // the random part
}
