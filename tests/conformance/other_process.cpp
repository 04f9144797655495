#include "other_process.hpp"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <iterator>

extern char** environ;

namespace eventbus::conformance {
namespace {

std::vector<std::string> own_command_line() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  std::vector<std::string> words;
  for (std::size_t begin = 0, end; (end = text.find('\0', begin)) != std::string::npos; begin = end + 1) {
    words.push_back(text.substr(begin, end - begin));
  }
  return words;
}

}  // namespace

bool publish_from_another_process(const Stream& stream, std::size_t count) {
  auto words = own_command_line();
  words.insert(words.end(), {"--publish-to", stream.prefix(), "--publish-count", std::to_string(count)});
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  pid_t child = -1;
  if (::posix_spawn(&child, "/proc/self/exe", nullptr, nullptr, arguments.data(), environ) != 0) return false;
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int publish_foreign(const std::string& stream_prefix, std::size_t count) {
  auto bus = Stream().connect({{"stream_prefix", stream_prefix}});
  for (const PublishResult& result : bus->publish_all(make_events("Foreign", count))) {
    if (!result.written()) return 1;
  }
  bus->disconnect();
  return 0;
}

}  // namespace eventbus::conformance
