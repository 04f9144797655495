// Stream and group: made where they are missing, at the group's mark if there is one.
#include "redis_backend.hpp"
#include "scripts.hpp"

namespace eventbus::redis_streams {
namespace {

constexpr std::chrono::minutes tidy_interval{10};
constexpr milliseconds gone_after = std::chrono::hours(1);

std::string id_of(const StartFrom& start) {
  switch (start.kind) {
    case StartFrom::Kind::earliest: break;
    case StartFrom::Kind::latest: return "$";
    case StartFrom::Kind::position: return to_string(start.position);
    case StartFrom::Kind::time: {
      auto ms = std::chrono::ceil<milliseconds>(start.time.time_since_epoch()).count();
      // An entry at exactly that millisecond belongs to it: begin behind the last possible id before.
      return ms > 0 ? std::to_string(ms - 1) + "-18446744073709551615" : "0";
    }
  }
  return "0";
}

}  // namespace

void RedisBackend::ensure_group(const StartFrom& start) {
  std::string doing = "look for group '" + settings_.group + "' of '" + settings_.stream + "'";
  try {
    Reply groups = command(make_request("XINFO", "GROUPS", settings_.stream), doing);
    for (std::size_t i = 0; i < groups.size(); ++i) {
      if (groups[i].field("name").text() == settings_.group) {
        group_seen_ = true;
        return;
      }
    }
  } catch (const Error& error) {
    if (std::string_view(error.what()).find("no such key") == std::string_view::npos) throw;
  }
  std::string from = id_of(start);
  bool recreated = group_seen_;
  Reply mark = command(make_request("HGET", marks_key(), settings_.group), doing);
  if (!mark.is_nil()) {
    recreated = true;
    Position last{};
    try {
      last = position_of(
          command(make_request("XINFO", "STREAM", settings_.stream), doing).field("last-generated-id").text());
    } catch (const Error& error) {
      if (std::string_view(error.what()).find("no such key") == std::string_view::npos) throw;
    }
    from = position_of(mark.text()) > last ? "0" : std::string(mark.text());
  } else if (recreated) {
    from = "0";
  }
  try {
    command(make_request("XGROUP", "CREATE", settings_.stream, settings_.group, from, "MKSTREAM"),
            "create group '" + settings_.group + "' of '" + settings_.stream + "'");
  } catch (const Error& error) {
    if (std::string_view(error.what()).find("BUSYGROUP") == std::string_view::npos) throw;
    recreated = false;  // another consumer was faster
  }
  group_seen_ = true;
  if (recreated) host_.signal(BackendSignal::group_recreated, 1);
  write_mark();
}

void RedisBackend::remove_gone_consumers(milliseconds idle) {
  std::string doing = "remove consumers of group '" + settings_.group + "' that are gone";
  Reply consumers = command(make_request("XINFO", "CONSUMERS", settings_.stream, settings_.group), doing);
  for (std::size_t i = 0; i < consumers.size(); ++i) {
    std::string name(consumers[i].field("name").text());
    if (name == settings_.consumer || consumers[i].field("pending").integer() > 0) continue;
    if (consumers[i].field("idle").integer() < idle.count()) continue;
    std::vector<std::string> keys{name_key(name), settings_.stream}, arguments{settings_.group, name};
    if (run_script(scripts::remove_consumer, keys, arguments, doing).integer() == 1) {
      host_.log(LogLevel::debug, "redis-streams: removed the consumer '" + name + "' of group '" + settings_.group +
                                     "': no process is it, and it had nothing pending");
    }
  }
}

// Upkeep of the group, now and then: it is no reason to fail.
void RedisBackend::tidy() {
  auto now = host_.now();
  if (tidied_at_.time_since_epoch().count() != 0 && now - tidied_at_ < tidy_interval) return;
  tidied_at_ = now;
  try {
    remove_gone_consumers(std::max(10 * settings_.lease, gone_after));
  } catch (const Error& error) {
    if (error.code() == ErrorCode::unavailable || error.code() == ErrorCode::timed_out) throw;
    host_.log(LogLevel::debug, error.what());
  }
}

void RedisBackend::write_mark() {
  std::vector<std::string> keys{settings_.stream, marks_key()}, arguments{settings_.group};
  run_script(scripts::mark, keys, arguments, "write the mark of group '" + settings_.group + "'");
}

}  // namespace eventbus::redis_streams
