// The consumer name: live in one process at a time, by a lock with a lease. Its value is the id of the holder's command
// connection and a nonce, so that a starter can see whether the holder is still there.
#include <thread>

#include "redis_backend.hpp"
#include "scripts.hpp"

namespace eventbus::redis_streams {

std::string RedisBackend::name_key(std::string_view consumer) const {
  return settings_.stream_prefix + ":name:" + settings_.group + ":" + std::string(consumer);
}

// With command_mutex_ held and the connection there: a value made before a reconnection would name a connection that is
// gone.
std::string RedisBackend::keep_name_locked() {
  std::vector<std::string> keys{name_key(settings_.consumer)};
  std::vector<std::string> arguments{std::to_string(command_.client_id()) + ":" + nonce_, ":" + nonce_,
                                     std::to_string(settings_.lease.count())};
  Reply answer = run_script_locked(scripts::keep_name, keys, arguments, "keep the consumer name");
  return std::string(answer.text());
}

std::string RedisBackend::keep_name() {
  std::lock_guard lock(command_mutex_);
  ensure_command_connection();
  return keep_name_locked();
}

RedisBackend::Holder RedisBackend::look_at(const std::string& holder) {
  std::lock_guard lock(command_mutex_);
  ensure_command_connection();
  std::string id = holder.substr(0, holder.find(':'));
  if (id == std::to_string(command_.client_id())) return Holder::gone;  // ids begin anew when the server restarts
  command_.send(make_request("CLIENT", "LIST", "ID", id));
  Reply clients = command_.read();
  if (clients.is_error()) return Holder::unknown;  // forbidden to this user, or too old a server
  bool alive = clients.text().find(" name=" + command_.name() + " ") != std::string_view::npos;
  return alive ? Holder::alive : Holder::gone;
}

void RedisBackend::take_name() {
  auto refuse = [&](const std::string& why) {
    throw Error(ErrorCode::conflict, "redis-streams: cannot take the consumer name '" + settings_.consumer +
                                         "' in group '" + settings_.group + "' of '" + settings_.stream + "': " + why +
                                         "; give each process its own consumer_name");
  };
  auto deadline = std::chrono::steady_clock::now() + settings_.lease;
  for (;;) {
    std::string holder = keep_name();
    if (holder.empty()) break;
    Holder state = look_at(holder);
    if (state == Holder::alive) refuse("another live process has it");
    if (state == Holder::gone) {
      std::lock_guard lock(command_mutex_);
      ensure_command_connection();
      std::vector<std::string> keys{name_key(settings_.consumer)};
      std::vector<std::string> arguments{holder, std::to_string(command_.client_id()) + ":" + nonce_,
                                         std::to_string(settings_.lease.count())};
      if (run_script_locked(scripts::take_name, keys, arguments, "take the consumer name over").integer() == 1) break;
    }
    if (std::chrono::steady_clock::now() >= deadline) refuse("another process keeps it");
    if (state == Holder::unknown) std::this_thread::sleep_for(milliseconds{50});  // its lease may end
  }
  has_name_ = true;
}

}  // namespace eventbus::redis_streams
