// The connections to the file: opened, found to be gone, opened again.
#include <thread>

#include "schema.hpp"
#include "sqlite_backend.hpp"

namespace eventbus::sqlite {
namespace {

constexpr std::uint64_t setup_lock = 0;

// One process at a time makes or changes what is in the file.
void take_setup_lock(FileLock& lock, const Database& database, milliseconds timeout) {
  auto deadline = std::chrono::steady_clock::now() + timeout;
  while (!lock.take(setup_lock)) {
    if (std::chrono::steady_clock::now() >= deadline) {
      throw Error(ErrorCode::unavailable, "sqlite: cannot open " + database.file() +
                                              ": another process has been setting it up for " +
                                              std::to_string(timeout.count()) +
                                              " ms; end that process, or raise "
                                              "backends.sqlite.busy_timeout_ms");
    }
    std::this_thread::sleep_for(milliseconds{1});
  }
}

}  // namespace

Error SqliteBackend::closed(const char* doing, const std::string& why) const {
  return Error(ErrorCode::closed, std::string("sqlite: cannot ") + doing + " '" + settings_.stream + "': " + why);
}

void SqliteBackend::need_open(const char* doing) const {
  if (!is_open_) throw closed(doing, "the backend is not open; open it first");
}

void SqliteBackend::need_consumer(const char* doing) const {
  need_open(doing);
  if (!is_consumer_) throw closed(doing, "the backend is not open as a consumer; open it as one first");
}

std::unique_ptr<Database> SqliteBackend::connect(bool create) {
  auto database = std::make_unique<Database>(options_, settings_.stream, create);
  if (options_.synchronous == "off") {
    database->run("PRAGMA synchronous = OFF");
  } else if (options_.synchronous == "full") {
    database->run("PRAGMA synchronous = FULL");
  } else {
    database->run("PRAGMA synchronous = NORMAL");
  }
  // A log that grew once, behind a long reader, is cut back.
  database->run("PRAGMA journal_size_limit = 67108864; PRAGMA temp_store = MEMORY");
  return database;
}

void SqliteBackend::open_files() {
  std::unique_ptr<Database> database = connect(creates_);
  check_file(*database);  // before anything is put beside it
  const std::string file = database->file();
  FileLock setup;
  setup.open(file + "-names", file);
  take_setup_lock(setup, *database, options_.busy_timeout);
  prepare(*database, creates_);
  auto bell = std::make_shared<Bell>(file + "-bell", file, settings_.stream);
  database->on_long_wait = [bell] { bell->want_turn(); };
  writer_ = std::move(database);
  std::lock_guard lock(bell_mutex_);
  bell_ = std::move(bell);
}

// A file that was moved or deleted is to us what a flushed server is to others: a new one takes its place.
void SqliteBackend::ensure_writer_locked(const char* doing) {
  if (writer_ && !writer_->is_moved()) return;
  bool again = writer_ != nullptr;
  if (again) {
    host_.log(LogLevel::warn, std::string("sqlite: cannot ") + doing + " '" + settings_.stream + "' in " +
                                  options_.path + ": the file was moved or deleted; it is opened again");
  }
  open_files();
  if (again) host_.signal(BackendSignal::reconnected, 1);
}

void SqliteBackend::write(const char* doing, const Work& work) {
  std::lock_guard lock(write_mutex_);
  bool committing = false;
  write_locked(doing, work, committing);
}

// If it throws with `committing` set, whether it was done is unknown.
void SqliteBackend::write_locked(const char* doing, const Work& work, bool& committing) {
  ensure_writer_locked(doing);
  writer_->doing = doing;
  // Who finds the lock taken polls, and would hardly ever meet it free behind one who writes without pause.
  if (bell_->is_turn_wanted()) std::this_thread::sleep_for(milliseconds{1});
  Transaction transaction(*writer_);
  work(*writer_);
  committing = true;
  try {
    transaction.commit();
  } catch (const Error&) {
    committing = !writer_->is_full();  // the mark that ends a transaction is what is written last
    throw;
  }
  committing = false;
}

void SqliteBackend::look(const char* doing, const Work& work) {
  need_open(doing);
  {
    std::lock_guard lock(write_mutex_);
    ensure_writer_locked(doing);
  }
  std::lock_guard lock(read_mutex_);
  if (!reader_ || reader_->is_moved()) reader_ = connect(false);
  reader_->doing = doing;
  Transaction transaction(*reader_, Transaction::Kind::read);
  work(*reader_);
}

std::shared_ptr<Bell> SqliteBackend::bell() const {
  std::lock_guard lock(bell_mutex_);
  return bell_;
}

void SqliteBackend::ring() noexcept {
  if (auto bell_now = bell()) bell_now->ring();
}

std::int64_t SqliteBackend::now_us() const noexcept {
  return std::chrono::duration_cast<std::chrono::microseconds>(host_.now().time_since_epoch()).count();
}

}  // namespace eventbus::sqlite
