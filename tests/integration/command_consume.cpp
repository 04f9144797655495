// eventbus consume: when it ends, and that it loses nothing.
#include <signal.h>

#include <catch2/catch_test_macros.hpp>
#include <set>

#include "command.hpp"

namespace eventbus::integration {
namespace {

Json first_group(const Command& command) { return Json::parse(command.run("info", {"--json"}).output)["groups"][0]; }

TEST_CASE("consume ends after --count events, and leaves the rest to the group", "[redis]") {
  const Command command;
  REQUIRE(command.run("publish", {}, numbered_lines(10)).code == 0);
  const Ended first = command.run("consume", {"--count", "4"});
  CHECK(first.code == 0);
  CHECK(objects_in(first.output).size() == 4);
  const Ended second = command.run("consume", {"--count", "6"});
  CHECK(second.code == 0);
  std::set<int> numbers;
  for (const Json& event : objects_in(first.output + second.output)) {
    CHECK(event["attempt"] == 1);
    numbers.insert(event["data"].get<int>());
  }
  CHECK(numbers.size() == 10);
  CHECK(first_group(command)["pending"] == 0);
}

TEST_CASE("consume ends when nothing came for --idle-exit", "[redis]") {
  const Command command;
  const Ended nothing = command.run("consume", {"--idle-exit", "200"});
  CHECK(nothing.code == 0);
  CHECK(nothing.output.empty());
  REQUIRE(command.run("publish", {}, numbered_lines(3)).code == 0);
  const Ended three = command.run("consume", {"--idle-exit", "2000"});
  CHECK(three.code == 0);
  CHECK(objects_in(three.output).size() == 3);
}

TEST_CASE("consume reads for the group that --group names", "[redis]") {
  const Command command;
  REQUIRE(command.run("publish", {}, numbered_lines(2)).code == 0);
  for (const char* group : {"audit", "billing"}) {
    const auto events = objects_in(command.run("consume", {"--count", "2", "--group", group}).output);
    REQUIRE(events.size() == 2);
    for (const Json& event : events) CHECK(event["group"] == group);
  }
}

TEST_CASE("an interrupted consume drains, says so, and exits with 0", "[redis]") {
  const Command command;
  REQUIRE(command.run("publish", {}, numbered_lines(3)).code == 0);
  Child consumer(command.words("consume"));
  REQUIRE(consumer.wait_for_lines(3));
  consumer.signal(SIGINT);
  const Ended ended = consumer.wait();
  CHECK(ended.code == 0);
  CHECK(ended.errors.find("drained: 3 printed, 0 given back") != std::string::npos);
  const Json group = first_group(command);
  CHECK(group["pending"] == 0);
  CHECK(group["consumers"].empty());
}

TEST_CASE("two consume processes share 10,000 events; an interrupt of one in the middle loses none and repeats none",
          "[redis]") {
  constexpr int total = 10000;
  const Command command;
  Child interrupted(command.words("consume")), other(command.words("consume", {"--idle-exit", "10000"}));
  Child publisher(command.words("publish"), numbered_lines(total));
  REQUIRE(interrupted.wait_for_lines(1000));
  REQUIRE(other.wait_for_lines(1));
  interrupted.signal(SIGINT);
  const Ended first = interrupted.wait();
  CHECK(first.code == 0);
  CHECK(publisher.wait().code == 0);
  const auto printed = objects_in(first.output).size();
  REQUIRE(other.wait_for_lines(total - printed));
  other.signal(SIGINT);
  const Ended second = other.wait();
  CHECK(second.code == 0);

  std::multiset<int> numbers;
  for (const Json& event : objects_in(first.output + second.output)) numbers.insert(event["data"].get<int>());
  CHECK(numbers.size() == total);                                        // none twice
  CHECK(std::set<int>(numbers.begin(), numbers.end()).size() == total);  // none missing
  CHECK(first_group(command)["pending"] == 0);
}

TEST_CASE("what could not be printed stays with the group", "[redis]") {
  constexpr int total = 5000;  // more than a pipe holds
  const Command command;
  REQUIRE(command.run("publish", {}, numbered_lines(total)).code == 0);
  std::vector<std::string> words = {"sh", "-c", R"(("$@"; echo "exit code $?" >&2) | head -n 1)", "sh"};
  for (const std::string& word : command.words("consume")) words.push_back(word);
  const Ended cut = run_child(words);
  CHECK(objects_in(cut.output).size() == 1);
  CHECK(cut.errors.find("cannot write to standard output; what was not printed stays with the group") !=
        std::string::npos);
  CHECK(cut.errors.find("exit code 1") != std::string::npos);

  const Json group = first_group(command);
  const auto left = group["lag"].get<std::size_t>() + group["pending"].get<std::size_t>();
  REQUIRE(left > 0);
  Child rest(command.words("consume"));
  CHECK(rest.wait_for_lines(left));
  rest.signal(SIGINT);
  CHECK(objects_in(rest.wait().output).size() == left);
}

}  // namespace
}  // namespace eventbus::integration
