// What a run says: a table for people, JSON for machines.
#pragma once

#include <cstddef>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "ratio.hpp"

namespace eventbus::bench {

struct ServerFacts {
  std::string version;
  std::string persistence;
};

struct Conditions {
  std::size_t repetitions = 0;
  std::string sizes;     // "quick", "full" or "smoke"
  std::string compiler;  // its name and version
  unsigned processors = 0;
  double load = 0;                    // of the machine over the last minute, before the run
  std::optional<ServerFacts> server;  // nullopt: Redis was not measured
  std::vector<std::string> notes;
};

void print_table(std::ostream& out, const std::vector<Row>& rows, const Conditions& conditions);
std::string to_json(const std::vector<Row>& rows, const Conditions& conditions);

}  // namespace eventbus::bench
