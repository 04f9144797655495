#include "child.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

extern char** environ;

namespace eventbus::conformance {
namespace {

struct Pipe {
  int ends[2] = {-1, -1};
  Pipe() {
    if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("cannot make a pipe");
  }
};

pid_t spawn(std::vector<std::string> words, int input, int output) {
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  pid_t pid = -1;
  const int failed = ::posix_spawn(&pid, "/proc/self/exe", &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) throw std::runtime_error("cannot start a child process");
  return pid;
}

}  // namespace

Child::Child(const Stream& stream, const ConfigOverrides& overrides, const Script& script) {
  std::vector<std::string> words = {"eventbus-conformance"};
  words.insert(words.end(), target().arguments.begin(), target().arguments.end());
  words.insert(words.end(), {"--child", stream.prefix()});
  for (const auto& [key, value] : overrides) words.insert(words.end(), {"--child-set", key + "=" + value});
  for (const auto& [payload, action] : script) words.insert(words.end(), {"--child-does", payload + "=" + action});
  Pipe in, out;
  pid_ = spawn(std::move(words), in.ends[0], out.ends[1]);
  ::close(in.ends[0]);
  ::close(out.ends[1]);
  input_ = in.ends[1];
  output_ = out.ends[0];
  reader_ = std::thread([this] { read_lines(); });
}

Child::~Child() {
  kill();
  reader_.join();
  ::close(input_);
  ::close(output_);
}

void Child::read_lines() {
  std::string text;
  char part[4096];
  for (;;) {
    const ssize_t size = ::read(output_, part, sizeof part);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) break;
    text.append(part, static_cast<std::size_t>(size));
    std::lock_guard lock(mutex_);
    for (std::size_t end; (end = text.find('\n')) != std::string::npos; text.erase(0, end + 1)) {
      lines_.push_back(text.substr(0, end));
    }
    changed_.notify_all();
  }
  siginfo_t info;
  ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT);  // reaped with the object, so that kill() is safe
  std::lock_guard lock(mutex_);
  dead_ = true;
  changed_.notify_all();
}

bool Child::wait_for(const std::string& line) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, deadline,
                    [&] { return dead_ || std::find(lines_.begin(), lines_.end(), line) != lines_.end(); });
  return std::find(lines_.begin(), lines_.end(), line) != lines_.end();
}

bool Child::wait_for_lines(const std::string& beginning, std::size_t wanted) {
  const auto enough = [&] {
    return static_cast<std::size_t>(std::count_if(lines_.begin(), lines_.end(), [&](const std::string& line) {
             return line.starts_with(beginning);
           })) >= wanted;
  };
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, deadline, [&] { return dead_ || enough(); });
  return enough();
}

bool Child::wait_until_told(const std::string& order, const std::string& line) {
  return eventually([&] {
           const std::size_t before = lines().size();
           say(order);
           eventually([&] { return is_dead() || lines().size() > before; });
           return is_dead() || count(line) > 0;
         }) &&
         count(line) > 0;
}

bool Child::wait_for_end() {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, deadline, [&] { return dead_; });
}

std::size_t Child::count(const std::string& beginning) const {
  std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(std::count_if(lines_.begin(), lines_.end(),
                                                [&](const std::string& line) { return line.starts_with(beginning); }));
}

std::vector<std::string> Child::lines() const {
  std::lock_guard lock(mutex_);
  return lines_;
}

bool Child::is_dead() const {
  std::lock_guard lock(mutex_);
  return dead_;
}

void Child::say(const std::string& line) {
  const std::string text = line + "\n";
  if (::write(input_, text.data(), text.size()) < 0) throw std::runtime_error("the child process is gone");
}

void Child::go() { say("go"); }
void Child::stop() { say("stop"); }
void Child::freeze() { ::kill(pid_, SIGSTOP); }
void Child::thaw() { ::kill(pid_, SIGCONT); }

void Child::kill() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return dead_; });
  }
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
}

}  // namespace eventbus::conformance
