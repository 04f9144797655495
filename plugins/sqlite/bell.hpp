// Wakes who waits for a stream, in whatever process: a futex in a file that all of them map. An append that nobody
// waits for costs one system call; who waits costs nothing.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace eventbus::sqlite {

// Threads: any.
class Bell {
 public:
  // Throws Error (unavailable).
  Bell(const std::string& path, const std::string& like, std::string_view stream);
  ~Bell();
  Bell(const Bell&) = delete;
  Bell& operator=(const Bell&) = delete;

  // Ask for the count, look whether there is something, then wait with that count: no ring in between is missed.
  std::uint32_t rings() const noexcept;
  void wait(std::uint32_t rings, std::chrono::milliseconds timeout) const noexcept;
  void ring() noexcept;

  // Who has waited for the database's lock for long says so; who had it lets others go first while that is fresh.
  void want_turn() noexcept;
  bool is_turn_wanted() const noexcept;

 private:
  void* memory_ = nullptr;
  std::uint32_t* wanted_ = nullptr;  // when, in milliseconds of the monotonic clock; of all streams
  std::uint32_t* count_ = nullptr;   // shared by streams whose names meet: who is woken looks for itself
};

}  // namespace eventbus::sqlite
