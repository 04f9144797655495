// redis_faults FAULT [ARGUMENT...]: does harm to the server of with_redis, for eventbus-conformance --fault-command.
// Exit code: 0 if it was done, 3 if there is no such fault, 1 if it failed.
#include <signal.h>
#include <sys/types.h>

#include <chrono>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <map>
#include <sstream>
#include <thread>

#include "redis_client.hpp"

namespace {

using eventbus::testing::RedisClient;
using Words = std::vector<std::string>;

constexpr const char* password = "conformance-secret";

struct Server {
  int port = 0;
  pid_t keeper = 0;  // with_redis
};

Server server() {
  Server found;
  const char* text = std::getenv("EVENTBUS_CONFORMANCE_REDIS");
  std::istringstream in(text ? text : "");
  if (!(in >> found.port >> found.keeper)) {
    throw std::runtime_error("EVENTBUS_CONFORMANCE_REDIS is not set; run under with_redis");
  }
  return found;
}

std::string call(const Words& words) { return RedisClient(server().port).call(words); }

std::string run_id() {
  const std::string info = call({"INFO", "server"});
  const std::size_t at = info.find("run_id:");
  return at == std::string::npos ? std::string() : info.substr(at, info.find('\r', at) - at);
}

void restart() {
  const std::string before = run_id();
  ::kill(server().keeper, SIGUSR1);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (std::chrono::steady_clock::now() < end) {
    try {
      if (run_id() != before && call({"PING"}) == "PONG") return;
    } catch (const std::runtime_error&) {  // not yet there, or still loading
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  throw std::runtime_error("the server does not come back");
}

void open_to_all() {
  RedisClient client(server().port);
  client.call({"AUTH", password});
  client.call({"CONFIG", "SET", "requirepass", ""});
}

// The memory limit stands under what is used already, so that every write that may take memory is refused.
const std::map<std::string, std::function<void(const Words&)>>& faults() {
  static const std::map<std::string, std::function<void(const Words&)>> all = {
      {"address", [](const Words&) { std::cout << "127.0.0.1:" << server().port << '\n'; }},
      {"restart", [](const Words&) { restart(); }},
      {"flush", [](const Words&) { call({"FLUSHALL"}); }},
      {"kill-connections",
       [](const Words&) {
         call({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
       }},
      {"delete-stream",
       [](const Words& of) {
         call({"DEL", of.at(0)});
       }},
      {"delete-group",
       [](const Words& of) {
         call({"XGROUP", "DESTROY", of.at(0), of.at(1)});
       }},
      {"delete-entry",
       [](const Words& of) {
         call({"XDEL", of.at(0), of.at(1)});
       }},
      {"add-foreign-entry",
       [](const Words& of) {
         call({"XADD", of.at(0), "*", "somebody", "else's"});
       }},
      {"add-truncated-entry",
       [](const Words& of) {
         call({"XADD", of.at(0), "*", "type", "OrderCreated", "meta", "1\tan-id", "data", "x"});
       }},
      {"set-wrong-kind",
       [](const Words& of) {
         call({"SET", of.at(0), "a string"});
       }},
      {"unset",
       [](const Words& of) {
         call({"DEL", of.at(0)});
       }},
      {"fill-memory",
       [](const Words&) {
         call({"CONFIG", "SET", "maxmemory", "1"});
       }},
      {"free-memory",
       [](const Words&) {
         call({"CONFIG", "SET", "maxmemory", "0"});
       }},
      {"pause-writes",
       [](const Words&) {
         call({"CLIENT", "PAUSE", "60000", "WRITE"});
       }},
      {"resume-writes",
       [](const Words&) {
         call({"CLIENT", "UNPAUSE"});
       }},
      {"read-only",
       [](const Words&) {
         call({"REPLICAOF", "127.0.0.1", "1"});
       }},
      {"writable",
       [](const Words&) {
         call({"REPLICAOF", "NO", "ONE"});
       }},
      {"require-password",
       [](const Words&) {
         call({"CONFIG", "SET", "requirepass", password});
       }},
      {"open-to-all", [](const Words&) { open_to_all(); }},
  };
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  const auto fault = faults().find(argc > 1 ? argv[1] : "");
  if (fault == faults().end()) {
    std::cerr << "redis_faults: there is no such fault\n";
    return 3;
  }
  try {
    fault->second(Words(argv + 2, argv + argc));
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "redis_faults: cannot " << argv[1] << ": " << error.what() << '\n';
    return 1;
  }
}
