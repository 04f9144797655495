#include "bell.hpp"

#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <climits>
#include <cstring>
#include <ctime>
#include <eventbus/error.hpp>

#include "file_lock.hpp"

namespace eventbus::sqlite {
namespace {
constexpr std::size_t bytes = 4096;
constexpr std::size_t counts = bytes / sizeof(std::uint32_t) - 1;  // the first word is `wanted_`

std::uint32_t now_ms() noexcept {
  struct timespec time {};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<std::uint32_t>(time.tv_sec * 1000 + time.tv_nsec / 1000000);
}
}  // namespace

Bell::Bell(const std::string& path, const std::string& like, std::string_view stream) {
  int file = open_beside(path, like);
  struct stat now {};
  // Never shortened: another process has it mapped.
  bool sized = ::fstat(file, &now) == 0 &&
               (now.st_size >= static_cast<off_t>(bytes) || ::ftruncate(file, static_cast<off_t>(bytes)) == 0);
  if (sized) memory_ = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  int cause = errno;
  ::close(file);
  if (!sized || memory_ == MAP_FAILED) {
    throw Error(ErrorCode::unavailable, "sqlite: cannot share memory through " + path + ": " + std::strerror(cause) +
                                            "; the database must be on a local disk with room");
  }
  wanted_ = static_cast<std::uint32_t*>(memory_);
  count_ = wanted_ + 1 + stable_hash(stream) % counts;
}

Bell::~Bell() { ::munmap(memory_, bytes); }

std::uint32_t Bell::rings() const noexcept { return std::atomic_ref(*count_).load(); }

void Bell::wait(std::uint32_t rings, std::chrono::milliseconds timeout) const noexcept {
  if (timeout.count() <= 0) return;
  struct timespec time {};
  time.tv_sec = timeout.count() / 1000;
  time.tv_nsec = timeout.count() % 1000 * 1000000;
  ::syscall(SYS_futex, count_, FUTEX_WAIT, rings, &time, nullptr, 0);
}

void Bell::ring() noexcept {
  std::atomic_ref(*count_).fetch_add(1);
  ::syscall(SYS_futex, count_, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

void Bell::want_turn() noexcept { std::atomic_ref(*wanted_).store(now_ms()); }

// Who wants it says so every half millisecond, so what is older is of one who has it or is dead.
bool Bell::is_turn_wanted() const noexcept { return now_ms() - std::atomic_ref(*wanted_).load() <= 2; }

}  // namespace eventbus::sqlite
