// A publisher in a process of its own: this program, started again with the same command line.
#pragma once

#include "harness.hpp"

namespace eventbus::conformance {

// Publishes events of type "Foreign" with the payloads "0", "1", ... to the stream from another process, and returns
// when that has closed its bus and ended. False if it could not.
bool publish_from_another_process(const Stream& stream, std::size_t count);

// The main function of that process. Returns its exit code.
int publish_foreign(const std::string& stream_prefix, std::size_t count);

}  // namespace eventbus::conformance
