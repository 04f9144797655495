#include "child.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <utility>

namespace eventbus::integration {
namespace {

// The program's input: a file, so that nobody has to write it while the program runs.
int input_of(std::string_view text) {
  std::string name = (std::filesystem::temp_directory_path() / "eventbus-input-XXXXXX").string();
  const int fd = ::mkostemp(name.data(), O_CLOEXEC);
  if (fd < 0) throw std::runtime_error("child: cannot make a file for its input");
  ::unlink(name.c_str());
  for (std::size_t at = 0; at < text.size();) {
    const ssize_t n = ::write(fd, text.data() + at, text.size() - at);
    if (n <= 0) throw std::runtime_error("child: cannot write its input");
    at += static_cast<std::size_t>(n);
  }
  ::lseek(fd, 0, SEEK_SET);
  return fd;
}

std::array<int, 2> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("child: cannot make a pipe");
  return ends;
}

std::vector<char*> pointers_to(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

Child::Child(std::vector<std::string> words, std::string_view input, std::vector<std::string> environment) {
  for (char** inherited = environ; *inherited; ++inherited) {
    if (!std::string_view(*inherited).starts_with("EVENTBUS_")) environment.emplace_back(*inherited);
  }
  const std::vector<char*> arguments = pointers_to(words), variables = pointers_to(environment);
  const int in = input_of(input);
  const std::array<int, 2> out = make_pipe(), err = make_pipe();
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(1);
    ::dup2(in, 0);
    ::dup2(out[1], 1);
    ::dup2(err[1], 2);
    ::execvpe(arguments[0], arguments.data(), variables.data());
    ::_exit(127);
  }
  for (int fd : {in, out[1], err[1]}) ::close(fd);
  ends_ = {out[0], err[0]};
  if (pid_ < 0) throw std::runtime_error("child: cannot fork");
  readers_[0] = std::thread([this] { collect(ends_[0], ended_.output); });
  readers_[1] = std::thread([this] { collect(ends_[1], ended_.errors); });
}

Child::~Child() {
  if (pid_ > 0) ::kill(pid_, SIGKILL);
  wait();
}

void Child::collect(int fd, std::string& text) {
  const bool is_output = &text == &ended_.output;
  std::array<char, 16384> part{};
  for (ssize_t n; (n = ::read(fd, part.data(), part.size())) > 0;) {
    std::lock_guard lock(mutex_);
    text.append(part.data(), static_cast<std::size_t>(n));
    if (is_output) lines_ += static_cast<std::size_t>(std::count(part.data(), part.data() + n, '\n'));
    changed_.notify_all();
  }
  ::close(fd);
  std::lock_guard lock(mutex_);
  --open_;
  changed_.notify_all();
}

bool Child::wait_for_lines(std::size_t count, std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, patience, [&] { return lines_ >= count || open_ == 0; });
  return lines_ >= count;
}

void Child::signal(int number) { ::kill(pid_, number); }

Ended Child::wait() {
  for (std::thread& reader : readers_) {
    if (reader.joinable()) reader.join();
  }
  int status = 0;
  if (pid_ > 0 && ::waitpid(std::exchange(pid_, -1), &status, 0) > 0 && WIFEXITED(status)) {
    ended_.code = WEXITSTATUS(status);
  }
  return ended_;
}

}  // namespace eventbus::integration
