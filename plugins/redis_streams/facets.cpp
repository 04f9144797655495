// Inspection and history of a Redis stream.
#include <algorithm>

#include "entries.hpp"
#include "redis_backend.hpp"

namespace eventbus::redis_streams {
namespace {

constexpr std::size_t page_entries = 500;

bool is_absent(const Error& error) {
  return std::string_view(error.what()).find("no such key") != std::string_view::npos;
}

}  // namespace

StreamInfo RedisBackend::stream_info() {
  StreamInfo info;
  info.stream = settings_.stream;
  info.dead_letter_stream = settings_.dead_letter_stream;
  std::string doing = "look at '" + settings_.stream + "'";
  info.dead_letters =
      static_cast<std::uint64_t>(command(make_request("XLEN", settings_.dead_letter_stream), doing).integer());
  try {
    Reply stream = command(make_request("XINFO", "STREAM", settings_.stream), doing);
    info.exists = true;
    info.length = static_cast<std::uint64_t>(stream.field("length").integer());
    if (ReplyPart first = stream.field("first-entry"); first.size() > 0) info.first = parse_position(first[0].text());
    if (ReplyPart last = stream.field("last-entry"); last.size() > 0) info.last = parse_position(last[0].text());
    Reply groups = command(make_request("XINFO", "GROUPS", settings_.stream), doing);
    for (std::size_t i = 0; i < groups.size(); ++i) {
      StreamInfo::Group& group = info.groups.emplace_back();
      group.name = groups[i].field("name").text();
      group.pending = static_cast<std::uint64_t>(groups[i].field("pending").integer());
      group.last_delivered = parse_position(groups[i].field("last-delivered-id").text());
      // Null after a deletion ahead of the group, and before Redis 7: unknown, never a wrong number.
      if (ReplyPart lag = groups[i].field("lag"); !lag.is_nil()) group.lag = static_cast<std::uint64_t>(lag.integer());
      Reply consumers = command(make_request("XINFO", "CONSUMERS", settings_.stream, group.name), doing);
      for (std::size_t c = 0; c < consumers.size(); ++c) {
        StreamInfo::Consumer& consumer = group.consumers.emplace_back();
        consumer.name = consumers[c].field("name").text();
        consumer.pending = static_cast<std::uint64_t>(consumers[c].field("pending").integer());
        consumer.idle = milliseconds(consumers[c].field("idle").integer());
      }
    }
  } catch (const Error& error) {
    if (!is_absent(error)) throw;
  }
  return info;
}

std::optional<Position> RedisBackend::read(const HistoryQuery& query, DeliverySink& sink) {
  Position from = query.from, to = query.to;
  auto ms_of = [](Timestamp time) {
    auto ms = std::chrono::ceil<milliseconds>(time.time_since_epoch()).count();
    return ms > 0 ? static_cast<std::uint64_t>(ms) : 0;
  };
  if (query.from_time) from = std::max(from, Position{ms_of(*query.from_time), 0});
  if (query.to_time) to = std::min(to, Position{ms_of(*query.to_time), 0}.previous());
  std::size_t left = query.limit;
  while (left > 0) {
    std::size_t want = std::min(left, page_entries);
    Reply page = command(make_request("XRANGE", settings_.stream, to_string(from), to_string(to), "COUNT",
                                      static_cast<std::int64_t>(want)),
                         "read the history of '" + settings_.stream + "'");
    EntryBatch batch;
    for (std::size_t i = 0; i < page.size(); ++i) batch.add(page[i], 0);
    if (page.size() > 0) sink.delivered(batch.views());
    if (page.size() < want) return std::nullopt;
    from = parse_position(page[page.size() - 1][0].text()).value_or(Position{}).next();
    left -= page.size();
  }
  return from <= to ? std::optional(from) : std::nullopt;
}

}  // namespace eventbus::redis_streams
