// Harm to the server behind the backend, done by a command that the caller of the tool provides.
//
// It is run as `COMMAND FAULT [ARGUMENT...]` and exits with 0 when the harm is done, with 3 where it knows no such
// fault. The faults: address (prints host:port) · restart (with its data) · flush · kill-connections · delete-stream
// STREAM · delete-group STREAM GROUP · delete-entry STREAM POSITION · add-foreign-entry STREAM · add-truncated-entry
// STREAM · set-wrong-kind KEY and unset KEY · fill-memory and free-memory · pause-writes and resume-writes · read-only
// and writable · require-password and open-to-all.
#pragma once

#include <string>
#include <vector>

namespace eventbus::conformance {

// Skips the running test where no command was given.
void need_faults();

// Does it, and returns what the command printed. Skips the running test where the command does not know the fault,
// fails it where the harm could not be done.
std::string inflict(const std::string& fault, const std::vector<std::string>& arguments = {});

// A fault that ends with the test.
class Passing {
 public:
  Passing(const std::string& fault, std::string remedy, std::vector<std::string> arguments = {});
  ~Passing();
  Passing(const Passing&) = delete;
  Passing& operator=(const Passing&) = delete;

  void end();

 private:
  std::string remedy_;
  std::vector<std::string> arguments_;
  bool over_ = false;
};

}  // namespace eventbus::conformance
