#include "journal.hpp"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <stdexcept>

namespace eventbus::chaos {

std::int64_t shared_clock() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1000000 + now.tv_nsec / 1000;
}

Journal::Journal(const std::filesystem::path& file)
    : fd_(::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) {
  if (fd_ < 0) throw std::runtime_error("cannot write " + file.string());
}

Journal::~Journal() { ::close(fd_); }

void Journal::write(char kind, const Event& event, Position position, std::uint32_t attempt) {
  const std::string line = std::string(1, kind) + ' ' + std::to_string(shared_clock()) + ' ' + to_string(position) +
                           ' ' + std::to_string(attempt) + ' ' + event.id + ' ' + event.aggregate_id + '\n';
  if (::write(fd_, line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
    throw std::runtime_error("cannot write a line");
  }
}

std::vector<Note> read_journal(const std::filesystem::path& file) {
  std::vector<Note> notes;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    Note note;
    std::string position;
    if (!(words >> note.kind >> note.at >> position >> note.attempt >> note.id >> note.aggregate)) continue;
    note.position = parse_position(position).value_or(Position{});
    notes.push_back(std::move(note));
  }
  return notes;
}

}  // namespace eventbus::chaos
