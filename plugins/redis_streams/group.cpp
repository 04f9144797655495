// Stream and group: made where they are missing, at the group's mark if there is one.
#include "redis_backend.hpp"
#include "scripts.hpp"

namespace eventbus::redis_streams {
namespace {

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

void RedisBackend::write_mark() {
  std::vector<std::string> keys{settings_.stream, marks_key()}, arguments{settings_.group};
  run_script(scripts::mark, keys, arguments, "write the mark of group '" + settings_.group + "'");
}

}  // namespace eventbus::redis_streams
