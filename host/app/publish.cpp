// eventbus publish: one event, or NDJSON in chunks.
#include <fcntl.h>

#include <cstring>
#include <eventbus/open_bus.hpp>
#include <iostream>

#include "line_reader.hpp"
#include "ndjson.hpp"
#include "verbs.hpp"

namespace eventbus::app {
namespace {

constexpr std::size_t chunk_size = 1000;

class Input {
 public:
  explicit Input(const std::string& file) {
    if (file.empty() || file == "-") return;
    fd_ = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd_ < 0) {
      throw Error(ErrorCode::invalid_argument,
                  "--file: cannot read '" + file + "': " + std::strerror(errno) + "; give a readable file");
    }
  }
  ~Input() {
    if (fd_ != STDIN_FILENO) ::close(fd_);
  }
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;
  int fd() const noexcept { return fd_; }

 private:
  int fd_ = STDIN_FILENO;
};

// Collects events with the numbers of their lines, and sends them together.
class Batch {
 public:
  explicit Batch(EventBus& bus) : bus_(bus) {}

  void add(std::size_t number, const std::string& line) {
    try {
      events_.push_back(event_from_line(line));
      lines_.push_back(number);
    } catch (const Error& error) {
      refuse(number, error.what());
    }
  }
  std::size_t size() const noexcept { return events_.size(); }

  void send() {
    if (events_.empty()) return;
    auto results = bus_.publish_all(std::exchange(events_, {}));
    for (std::size_t i = 0; i < results.size(); ++i) {
      if (results[i].written()) {
        ++published_;
      } else {
        refuse(lines_[i], results[i].error ? results[i].error->what() : "not written");
      }
    }
    lines_.clear();
  }
  std::uint64_t published() const noexcept { return published_; }
  std::uint64_t failed() const noexcept { return failed_; }

 private:
  void refuse(std::size_t number, const std::string& why) {
    ++failed_;
    std::cerr << "eventbus: line " << number << ": " << why << '\n';
  }

  EventBus& bus_;
  std::vector<Event> events_;
  std::vector<std::size_t> lines_;
  std::uint64_t published_ = 0, failed_ = 0;
};

int publish_lines(EventBus& bus, int fd, bool json) {
  Batch batch(bus);
  LineReader reader(fd);
  std::size_t number = 0;
  for (std::string line; reader.next(line);) {
    ++number;
    if (line.find_first_not_of(" \t\r") != std::string::npos) batch.add(number, line);
    // A slow writer's events go out as they come.
    if (batch.size() == chunk_size || (batch.size() > 0 && reader.would_wait())) batch.send();
  }
  batch.send();
  if (json) {
    std::cout << Json{{"published", batch.published()}, {"failed", batch.failed()}}.dump() << '\n';
  } else {
    std::cout << "published " << batch.published() << (batch.published() == 1 ? " event" : " events");
    if (batch.failed() > 0) std::cout << ", " << batch.failed() << " failed";
    std::cout << '\n';
  }
  return batch.failed() == 0 ? ok : failure;
}

}  // namespace

int publish(const BusConfig& config, const PublishOptions& options, bool json) {
  auto bus = open_bus(config);
  if (!options.event) {
    Input input(options.file);
    bus->connect();
    return publish_lines(*bus, input.fd(), json);
  }
  bus->connect();
  std::string position = to_string(bus->publish(*options.event));
  if (json) {
    std::cout << Json{{"published", 1}, {"failed", 0}, {"position", position}}.dump() << '\n';
  } else {
    std::cout << "published at " << position << '\n';
  }
  return ok;
}

}  // namespace eventbus::app
