// Runs a program to its end and keeps what it said.
#pragma once

#include <sys/wait.h>

#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>

namespace eventbus::integration {

struct Finished {
  int code = -1;       // its exit code; -1 if a signal ended it
  std::string output;  // stdout and stderr
};

inline std::string quoted(const std::string& word) {
  std::string text = "'";
  for (char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

inline Finished run(const std::vector<std::string>& words) {
  std::string command;
  for (const std::string& word : words) command += quoted(word) + ' ';
  std::FILE* pipe = ::popen((command + "2>&1").c_str(), "r");
  if (!pipe) throw std::runtime_error("cannot run " + command);
  Finished finished;
  char buffer[4096];
  for (std::size_t n; (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;) finished.output.append(buffer, n);
  const int status = ::pclose(pipe);
  if (WIFEXITED(status)) finished.code = WEXITSTATUS(status);
  return finished;
}

}  // namespace eventbus::integration
