// with_redis [--] COMMAND...: runs a command with EVENTBUS_REDIS_URL naming a redis-server of its own, which ends with
// it. Exit code: the command's; 127 if it cannot be run.
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <string_view>

#include "redis_server.hpp"

int main(int argc, char** argv) {
  int first = argc > 1 && std::string_view(argv[1]) == "--" ? 2 : 1;
  if (first >= argc) {
    std::cerr << "usage: with_redis [--] COMMAND...\n";
    return 2;
  }
  try {
    eventbus::testing::RedisServer server;
    ::setenv("EVENTBUS_REDIS_URL", server.url().c_str(), 1);
    const pid_t child = ::fork();
    if (child == 0) {
      ::execvp(argv[first], argv + first);
      std::cerr << "with_redis: cannot run '" << argv[first] << "': " << std::strerror(errno) << '\n';
      ::_exit(127);
    }
    int status = 0;
    while (child > 0 && ::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (child < 0) throw std::runtime_error("cannot fork");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  } catch (const std::exception& error) {
    std::cerr << "with_redis: " << error.what() << '\n';
    return 127;
  }
}
