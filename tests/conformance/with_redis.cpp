// with_redis [--] COMMAND...: runs a command with EVENTBUS_REDIS_URL naming a redis-server of its own, which keeps its
// data when it restarts and ends with the command. EVENTBUS_CONFORMANCE_REDIS is `PORT PID`: SIGUSR1 to that process
// restarts the server. Exit code: the command's; 127 if it cannot be run.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <string_view>

#include "redis_server.hpp"

namespace {

using eventbus::testing::RedisServer;

pid_t spawn(char** command, const sigset_t& signals) {
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("cannot fork");
  if (child > 0) return child;
  ::sigprocmask(SIG_UNBLOCK, &signals, nullptr);
  ::execvp(command[0], command);
  std::cerr << "with_redis: cannot run '" << command[0] << "': " << std::strerror(errno) << '\n';
  ::_exit(127);
}

}  // namespace

int main(int argc, char** argv) {
  const int first = argc > 1 && std::string_view(argv[1]) == "--" ? 2 : 1;
  if (first >= argc) {
    std::cerr << "usage: with_redis [--] COMMAND...\n";
    return 2;
  }
  try {
    RedisServer server(RedisServer::Keeps::appended);
    ::setenv("EVENTBUS_REDIS_URL", server.url().c_str(), 1);
    const std::string place = std::to_string(server.port()) + " " + std::to_string(::getpid());
    ::setenv("EVENTBUS_CONFORMANCE_REDIS", place.c_str(), 1);
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGUSR1);
    sigaddset(&signals, SIGCHLD);
    ::sigprocmask(SIG_BLOCK, &signals, nullptr);
    const pid_t child = spawn(argv + first, signals);
    for (int status = 0;;) {
      const int signal = ::sigwaitinfo(&signals, nullptr);
      if (signal == SIGUSR1) server.restart();
      if (::waitpid(child, &status, WNOHANG) == child) {
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
      }
    }
  } catch (const std::exception& error) {
    std::cerr << "with_redis: " << error.what() << '\n';
    return 127;
  }
}
