// Inspection, dead letters and history of a Redis stream.
#include <algorithm>
#include <charconv>

#include "entries.hpp"
#include "redis_backend.hpp"
#include "scripts.hpp"

namespace eventbus::redis_streams {
namespace {

constexpr std::size_t page_entries = 500;

bool is_absent(const Error& error) {
  return std::string_view(error.what()).find("no such key") != std::string_view::npos;
}

std::int64_t number_of(std::string_view text) {
  std::int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

DeadLetter dead_letter_of(ReplyPart entry) {
  DeadLetter letter;
  letter.position = parse_position(entry[0].text()).value_or(Position{});
  std::vector<std::string_view> fields;
  std::string_view dead;
  for (std::size_t i = 0; i + 1 < entry[1].size(); i += 2) {
    if (entry[1][i].text() == "dead") {
      dead = entry[1][i + 1].text();
    } else {
      fields.push_back(entry[1][i].text());
      fields.push_back(entry[1][i + 1].text());
    }
  }
  Decoder decoder;
  EventView view;
  decoder.decode(fields, view);  // what is no event shows what could be read of it
  assign(letter.event, view);
  std::string memory;
  std::vector<std::string_view> values;
  split_line(dead, memory, values);
  values.resize(8);
  letter.original_position = parse_position(values[0]).value_or(Position{});
  letter.group = values[1];
  letter.consumer = values[2];
  letter.handler = values[3];
  letter.attempts = static_cast<std::uint32_t>(number_of(values[4]));
  letter.first_failed = Timestamp{std::chrono::microseconds(number_of(values[5]))};
  letter.last_failed = Timestamp{std::chrono::microseconds(number_of(values[6]))};
  letter.reason = values[7];
  return letter;
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
  std::vector<HeaderView> headers;
  std::string meta;
  for (const DeadLetter& entry : entries) {
    EventView view = view_of(entry.event, headers);
    encode_meta(view, meta);
    std::string dead = to_string(entry.original_position);
    for (const std::string& value : {entry.group, entry.consumer, entry.handler, std::to_string(entry.attempts),
                                     std::to_string(entry.first_failed.time_since_epoch().count()),
                                     std::to_string(entry.last_failed.time_since_epoch().count()), entry.reason}) {
      dead += '\t';
      escape_into(value, dead);
    }
    command(make_request("XADD", settings_.dead_letter_stream, "*", "type", view.type, "meta", meta, "data",
                         view.payload, "dead", dead),
            "import a dead letter of '" + settings_.stream + "'");
  }
  return entries.size();
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
