// What is done to the bus, and what came of it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include <eventbus/stored.hpp>

namespace eventbus::chaos {

struct Plan {
  std::uint64_t seed = 1;
  int seconds = 15;
  int workers = 3;
  int publishers = 2;
};

// One life of one worker.
struct Life {
  std::string worker;
  std::filesystem::path journal;
  std::int64_t killed_at = 0;  // 0: it was not
};

struct Aftermath {
  std::set<std::string> published;  // ids of what was surely written
  std::uint64_t resent = 0;         // publishes whose answer was lost, sent again under the same id
  std::vector<Life> lives;
  std::vector<std::int64_t> cuts;      // all connections were killed
  std::vector<std::int64_t> restarts;  // from the kill of the server on
  std::vector<DeadLetter> dead;
  bool settled = false;                 // nothing pending, nothing undelivered at the end
  std::vector<std::string> complaints;  // what should not have happened
};

Aftermath rage(const Plan& plan, const std::filesystem::path& directory);

}  // namespace eventbus::chaos
