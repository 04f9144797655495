// The dead letters of a Redis stream.
#include <algorithm>

#include "dead_letter.hpp"
#include "redis_backend.hpp"
#include "scripts.hpp"

namespace eventbus::redis_streams {
namespace {

constexpr std::size_t page_entries = 500;
constexpr std::size_t chunk_bytes = 1 << 20;

DeadLetter dead_letter_of(ReplyPart entry) {
  std::vector<std::string_view> fields;
  for (std::size_t i = 0; i < entry[1].size(); ++i) fields.push_back(entry[1][i].text());
  return read_dead_letter(position_of(entry[0].text()), fields);
}

}  // namespace

std::optional<Position> RedisBackend::list(const DeadLetterQuery& query, Sink& sink) {
  Position from = query.after == Position::first() ? query.after : query.after.next();
  std::size_t found = 0;
  Position last{};
  for (;;) {
    Reply page = command(make_request("XRANGE", settings_.dead_letter_stream, to_string(from), "+", "COUNT",
                                      static_cast<std::int64_t>(page_entries)),
                         "list dead letters of '" + settings_.stream + "'");
    for (std::size_t i = 0; i < page.size(); ++i) {
      DeadLetter letter = dead_letter_of(page[i]);
      from = letter.position.next();
      if (!query.type.empty() && letter.event.type != query.type) continue;
      if (!query.group.empty() && letter.group != query.group) continue;
      if (found == query.limit) return last;
      last = letter.position;
      ++found;
      sink.entry(letter);
    }
    if (page.size() < page_entries) return std::nullopt;
  }
}

std::optional<Position> RedisBackend::replay(Position position, std::string_view only_group) {
  std::vector<std::string> keys{settings_.dead_letter_stream, settings_.stream};
  std::vector<std::string> arguments{to_string(position), std::string(only_group)};
  Reply reply = run_script(scripts::replay, keys, arguments, "replay a dead letter of '" + settings_.stream + "'");
  if (reply.is_nil()) return std::nullopt;
  return parse_position(reply.text());
}

std::uint64_t RedisBackend::purge(const PurgeQuery& query) {
  std::string doing = "purge dead letters of '" + settings_.stream + "'";
  if (query.all) {
    return static_cast<std::uint64_t>(
        command(make_request("XTRIM", settings_.dead_letter_stream, "MAXLEN", "0"), doing).integer());
  }
  std::vector<Position> positions = query.positions;
  if (query.older_than) {
    struct Old final : Sink {
      void entry(const DeadLetter& entry) override {
        if (entry.last_failed < before) found.push_back(entry.position);
      }
      Timestamp before{};
      std::vector<Position> found;
    } old;
    old.before = *query.older_than;
    DeadLetterQuery everything;
    everything.limit = static_cast<std::size_t>(-1);
    list(everything, old);
    positions.insert(positions.end(), old.found.begin(), old.found.end());
  }
  std::uint64_t purged = 0;
  for (std::size_t begin = 0; begin < positions.size(); begin += page_entries) {
    std::size_t end = std::min(positions.size(), begin + page_entries);
    Request request;
    request.command(2 + end - begin) << "XDEL" << settings_.dead_letter_stream;
    for (std::size_t i = begin; i < end; ++i) request << to_string(positions[i]);
    purged += static_cast<std::uint64_t>(command(request, doing).integer());
  }
  return purged;
}

std::uint64_t RedisBackend::add(std::span<const DeadLetter> entries) {
  std::string doing = "import dead letters of '" + settings_.stream + "'";
  std::vector<HeaderView> headers;
  std::vector<std::string_view> fields;
  Encoder chosen(format_), any(WireFormat::eventbus);
  std::uint64_t added = 0;
  std::lock_guard lock(command_mutex_);
  ensure_command_connection();
  for (std::size_t next = 0; next < entries.size();) {
    Request request;
    while (next < entries.size() && request.commands() < page_entries && request.bytes().size() < chunk_bytes) {
      const DeadLetter& entry = entries[next++];
      EventView view = view_of(entry.event, headers);
      // What the chosen format can't carry, an entry that is no event for one, keeps all it has in the other.
      if (!chosen.encode(view, fields).empty()) any.encode(view, fields);
      std::string original = to_string(entry.original_position), dead = dead_line(entry);
      std::string retry_count = std::to_string(retries(entry.attempts));
      std::string time = eventsource_py::time_text(entry.last_failed, "+00:00");
      if (eventsource_py::is_entry(fields)) {
        fields.insert(fields.end(),
                      {"original_message_id", original, "retry_count", retry_count, "dlq_timestamp", time});
      }
      fields.insert(fields.end(), {"dead", dead});
      bool capped = settings_.dead_letter_max_length > 0;
      request.command(3 + (capped ? 3 : 0) + fields.size()) << "XADD" << settings_.dead_letter_stream;
      if (capped)
        request << "MAXLEN"
                << "~" << static_cast<std::int64_t>(settings_.dead_letter_max_length);
      request << "*";
      for (std::string_view field : fields) request << field;
    }
    command_.send(request);
    std::optional<Error> failed;
    for (std::size_t i = 0; i < request.commands(); ++i) {
      Reply reply = command_.read();
      if (!reply.is_error()) {
        ++added;
      } else if (!failed) {
        failed = error_from(reply.text(), doing, address());
      }
    }
    if (failed) {
      throw Error(failed->code(), std::string(failed->what()) + "; " + std::to_string(added) + " of " +
                                      std::to_string(entries.size()) + " were imported");
    }
  }
  return added;
}

}  // namespace eventbus::redis_streams
