#include "file_lock.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <eventbus/error.hpp>

namespace eventbus::sqlite {
namespace {

struct flock range_of(std::uint64_t lock, short type) {
  struct flock range {};
  range.l_type = type;
  range.l_whence = SEEK_SET;
  range.l_start = static_cast<off_t>(lock & 0x3fffffffffffffffull);
  range.l_len = 1;
  return range;
}

Error failure(const std::string& path) {
  return Error(ErrorCode::unavailable, "sqlite: cannot use " + path + ": " + std::strerror(errno) +
                                           "; this process must be able to write in its folder");
}

}  // namespace

int open_beside(const std::string& path, const std::string& like) {
  struct stat rights {};
  mode_t mode = ::stat(like.c_str(), &rights) == 0 ? rights.st_mode & 0666 : 0644;
  int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, mode);
  if (file < 0) throw failure(path);
  return file;
}

bool FileLock::open(const std::string& path, const std::string& like) {
  struct stat mine {
  }, there{};
  if (file_ >= 0 && ::fstat(file_, &mine) == 0 && ::stat(path.c_str(), &there) == 0 && mine.st_ino == there.st_ino &&
      mine.st_dev == there.st_dev) {
    return true;
  }
  close();
  file_ = open_beside(path, like);
  path_ = path;
  return false;
}

void FileLock::close() noexcept {
  if (file_ >= 0) ::close(file_);
  file_ = -1;
}

bool FileLock::take(std::uint64_t lock) {
  struct flock range = range_of(lock, F_WRLCK);
  if (::fcntl(file_, F_OFD_SETLK, &range) == 0) return true;
  if (errno == EAGAIN || errno == EACCES) return false;
  throw failure(path_);
}

void FileLock::free(std::uint64_t lock) noexcept {
  struct flock range = range_of(lock, F_UNLCK);
  if (file_ >= 0) ::fcntl(file_, F_OFD_SETLK, &range);
}

bool FileLock::is_taken(std::uint64_t lock) const {
  struct flock range = range_of(lock, F_WRLCK);
  if (::fcntl(file_, F_OFD_GETLK, &range) != 0) throw failure(path_);
  return range.l_type != F_UNLCK;
}

}  // namespace eventbus::sqlite
