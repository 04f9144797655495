#include "faults.hpp"

#include <sys/wait.h>

#include <cstdio>
#include <stdexcept>

#include "harness.hpp"

namespace eventbus::conformance {
namespace {

struct Finished {
  int code = -1;
  std::string output;
};

std::string quoted(const std::string& word) {
  std::string text = "'";
  for (const char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

Finished run(const std::string& fault, const std::vector<std::string>& arguments) {
  std::string command = target().fault_command + " " + quoted(fault);
  for (const std::string& argument : arguments) command += " " + quoted(argument);
  std::FILE* pipe = ::popen(command.c_str(), "r");
  if (!pipe) throw std::runtime_error("cannot run " + command);
  Finished finished;
  char buffer[512];
  for (std::size_t n; (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;) finished.output.append(buffer, n);
  const int status = ::pclose(pipe);
  if (WIFEXITED(status)) finished.code = WEXITSTATUS(status);
  while (!finished.output.empty() && finished.output.back() == '\n') finished.output.pop_back();
  return finished;
}

}  // namespace

void need_faults() {
  if (target().fault_command.empty()) SKIP("needs a command that harms the server (--fault-command)");
}

std::string inflict(const std::string& fault, const std::vector<std::string>& arguments) {
  need_faults();
  const Finished finished = run(fault, arguments);
  if (finished.code == 3) SKIP("needs the fault '" + fault + "', which the fault command does not know");
  INFO("fault " << fault);
  REQUIRE(finished.code == 0);
  return finished.output;
}

Passing::Passing(const std::string& fault, std::string remedy, std::vector<std::string> arguments)
    : remedy_(std::move(remedy)), arguments_(std::move(arguments)) {
  inflict(fault, arguments_);
}

Passing::~Passing() {
  if (!over_) run(remedy_, arguments_);
}

void Passing::end() {
  over_ = true;
  inflict(remedy_, arguments_);
}

}  // namespace eventbus::conformance
