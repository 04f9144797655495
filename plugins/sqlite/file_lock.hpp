// Locks that end with the process that holds them, each named by a number, on a file that is there for nothing else.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace eventbus::sqlite {

// Opens a file for reading and writing, made with the rights of `like` if it is absent. Throws Error (unavailable).
int open_beside(const std::string& path, const std::string& like);

// Locks belong to this object (an open file description), so they hold between two objects of one process as well, and
// the kernel frees them when the process ends, however it ends. A child made by fork without exec shares them.
// Threads: one at a time.
class FileLock {
 public:
  FileLock() = default;
  ~FileLock() { close(); }
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

  // Where this object has the file at `path` open already, nothing happens and its locks stay; where another file took
  // that place, its locks are gone. True: they stay.
  bool open(const std::string& path, const std::string& like);
  void close() noexcept;

  // False: another object holds it.
  bool take(std::uint64_t lock);
  void free(std::uint64_t lock) noexcept;
  // Whether another object holds it.
  bool is_taken(std::uint64_t lock) const;

 private:
  int file_ = -1;
  std::string path_;
};

// The same in every process: FNV-1a.
constexpr std::uint64_t stable_hash(std::string_view text, std::uint64_t hash = 0xcbf29ce484222325ull) noexcept {
  for (char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
  return hash;
}

}  // namespace eventbus::sqlite
