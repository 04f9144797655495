#include "sqlite_backend.hpp"

#include <random>

namespace eventbus::sqlite {

SqliteBackend::SqliteBackend(const BackendSettings& settings, BackendHost& host)
    : settings_(settings), host_(host), options_(parse_options(settings.config_json)) {
  std::random_device device;
  nonce_ = std::to_string((std::uint64_t{device()} << 32) | device());
}

SqliteBackend::~SqliteBackend() { close(); }

void SqliteBackend::open(Role role, const StartFrom& start) {
  {
    std::lock_guard lock(write_mutex_);
    if (!creates_ && role != Role::inspector) {
      creates_ = true;
      writer_.reset();  // who looked on until now left an older file as it was
    }
    ensure_writer_locked("open");
  }
  is_open_ = true;
  if (role != Role::consumer) return;
  take_name();
  try {
    write("consume", [&](Database& database) { join(database, start); });
  } catch (...) {
    if (!is_consumer_) names_.close();
    throw;
  }
  is_consumer_ = true;
}

void SqliteBackend::close() noexcept {
  if (is_consumer_) leave();
  names_.close();
  is_open_ = false;
  is_consumer_ = group_seen_ = creates_ = false;
  me_ = {};
  reader_.reset();
  looker_.reset();
  writer_.reset();
  bell_.reset();
}

// SQLite's own limit is 1,000,000,000 bytes a row; this leaves room for the rest of the event.
Capabilities SqliteBackend::capabilities() const {
  Capabilities has;
  has.durable = has.cross_process = has.competing_consumers = has.ordered = true;
  has.max_payload_bytes = 512ull * 1024 * 1024;
  return has;
}

}  // namespace eventbus::sqlite
