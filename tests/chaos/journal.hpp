// What a worker process writes down while it lives: a line for each receipt and each handled event, each in one write,
// so that a SIGKILL loses no line that was begun.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <eventbus/event.hpp>

namespace eventbus::chaos {

struct Note {
  char kind = 'R';      // R: received; H: handled
  std::int64_t at = 0;  // microseconds of the clock that all processes of this machine share
  Position position{};
  std::uint32_t attempt = 0;
  std::string id;
  std::string aggregate;
};

std::int64_t shared_clock() noexcept;

// Threads: any.
class Journal {
 public:
  explicit Journal(const std::filesystem::path& file);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  void write(char kind, const Event& event, Position position, std::uint32_t attempt);

 private:
  int fd_;
};

std::vector<Note> read_journal(const std::filesystem::path& file);

}  // namespace eventbus::chaos
