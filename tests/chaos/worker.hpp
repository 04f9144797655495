// A consumer in a process of its own.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>

namespace eventbus::chaos {

struct WorkerOrder {
  std::string config;  // JSON text
  std::string name;
  std::filesystem::path journal;
  std::uint64_t seed = 0;
};

// Starts this program again as a worker. It ends with its parent.
pid_t start_worker(const WorkerOrder& order);

// The worker itself: consumes until SIGTERM, then stops gracefully. Returns its exit code: 0, or 1 if its bus gave up.
int work(const WorkerOrder& order);

// Whether the handler fails at this attempt at this event. Every life decides alike.
bool fails(std::uint64_t seed, const std::string& id, std::uint32_t attempt) noexcept;

}  // namespace eventbus::chaos
