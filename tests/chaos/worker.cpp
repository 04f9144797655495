#include "worker.hpp"

#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <time.h>

#include <chrono>
#include <iostream>
#include <stdexcept>
#include <thread>
#include <vector>

#include <eventbus/open_bus.hpp>

#include "journal.hpp"

extern char** environ;

namespace eventbus::chaos {
namespace {

using Clock = std::chrono::steady_clock;

std::uint64_t mix(std::uint64_t value) noexcept {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ull;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebull;
  return value ^ (value >> 31);
}

std::uint64_t draw(std::uint64_t seed, const std::string& text) noexcept {
  std::uint64_t value = mix(seed + 1);
  for (const char c : text) value = mix(value ^ static_cast<unsigned char>(c));
  return value;
}

// The server may be down, or not yet have seen that the last life under this name is over.
void begin(EventBus& bus) {
  const auto end = Clock::now() + std::chrono::seconds(30);
  for (;;) {
    try {
      bus.connect();
      bus.start_consuming();
      return;
    } catch (const Error& error) {
      if (Clock::now() > end) throw;
      if (!error.retryable() && error.code() != ErrorCode::conflict) throw;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

}  // namespace

bool fails(std::uint64_t seed, const std::string& id, std::uint32_t attempt) noexcept {
  const std::uint64_t lot = draw(seed, id) % 1000;
  if (lot < 5) return true;                   // never works
  return lot < 50 && attempt == 1 + lot % 2;  // works the next time, or the time after
}

pid_t start_worker(const WorkerOrder& order) {
  std::vector<std::string> words = {"eventbus-chaos",
                                    "--worker",
                                    order.name,
                                    "--config",
                                    order.config,
                                    "--journal",
                                    order.journal.string(),
                                    "--seed",
                                    std::to_string(order.seed)};
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  pid_t pid = -1;
  if (::posix_spawn(&pid, "/proc/self/exe", nullptr, nullptr, arguments.data(), environ) != 0) {
    throw std::runtime_error("cannot start a worker");
  }
  return pid;
}

int work(const WorkerOrder& order) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  sigset_t ending;
  sigemptyset(&ending);
  sigaddset(&ending, SIGTERM);
  ::sigprocmask(SIG_BLOCK, &ending, nullptr);  // before the bus has threads
  Journal journal(order.journal);
  try {
    auto bus = open_bus(parse_config(order.config, "the chaos test", {{"consumer_name", order.name}}));
    auto subscription = bus->subscribe_to_all([&](const Event& event, const Delivery& delivery) {
      journal.write('R', event, delivery.position(), delivery.attempt());
      std::this_thread::sleep_for(std::chrono::microseconds(draw(order.seed, event.id) % 4000));  // the work
      if (fails(order.seed, event.id, delivery.attempt())) throw std::runtime_error("the lot fell on it");
      journal.write('H', event, delivery.position(), delivery.attempt());
    });
    begin(*bus);
    const timespec look{0, 200000000};
    while (::sigtimedwait(&ending, nullptr, &look) != SIGTERM) {
      if (bus->is_consuming()) continue;
      std::cerr << order.name << " gave up:";
      for (const std::string& problem : bus->health().problems) std::cerr << ' ' << problem << ';';
      std::cerr << '\n';
      return 1;
    }
    bus->stop_consuming();
    return 0;
  } catch (const Error& error) {
    std::cerr << order.name << ": " << error.what() << '\n';
    return 1;
  }
}

}  // namespace eventbus::chaos
