#include "wire_eventsource_py.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace eventbus::redis_streams::eventsource_py {
namespace {

constexpr std::array<std::string_view, 12> envelope{
    "event_id",          "event_type", "event_version", "occurred_at",    "aggregate_id", "aggregate_type",
    "aggregate_version", "tenant_id",  "actor_id",      "correlation_id", "causation_id", "metadata"};

bool is_envelope(std::string_view key) { return std::find(envelope.begin(), envelope.end(), key) != envelope.end(); }

// The envelope's members that are headers here.
constexpr std::array<std::string_view, 5> header_names{header::tenant_id, header::actor_id, header::correlation_id,
                                                       header::causation_id, header::event_version};

bool is_uuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    char c = text[i];
    bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    if (dash ? c != '-' : !hex) return false;
  }
  return true;
}

std::optional<std::int64_t> number_of(std::string_view text) {
  std::int64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string_view header_of(const EventView& event, std::string_view name) {
  for (const HeaderView& one : event.headers) {
    if (one.name == name) return one.value;
  }
  return {};
}

bool has_header(const EventView& event, std::string_view name) {
  return std::any_of(event.headers.begin(), event.headers.end(),
                     [&](const HeaderView& one) { return one.name == name; });
}

void append_padded(std::int64_t value, std::size_t width, std::string& out) {
  std::string digits = std::to_string(value);
  out.append(width - std::min(width, digits.size()), '0');
  out += digits;
}

std::string wrong(std::string_view field, std::string_view value, std::string_view why) {
  std::string out(field);
  out += " '";
  out += value;
  out += "' ";
  out += why;
  return out;
}

}  // namespace

bool is_entry(std::span<const std::string_view> fields) {
  bool type = false, payload = false;
  for (std::size_t i = 0; i + 1 < fields.size(); i += 2) {
    if (fields[i] == "meta") return false;
    type |= fields[i] == "event_type";
    payload |= fields[i] == "payload";
  }
  return type && payload;
}

std::string time_text(Timestamp time, std::string_view zone) {
  auto day = std::chrono::floor<std::chrono::days>(time);
  std::chrono::year_month_day date{day};
  std::chrono::hh_mm_ss clock{time - day};
  std::string out;
  append_padded(static_cast<int>(date.year()), 4, out);
  out += '-';
  append_padded(static_cast<unsigned>(date.month()), 2, out);
  out += '-';
  append_padded(static_cast<unsigned>(date.day()), 2, out);
  out += 'T';
  append_padded(clock.hours().count(), 2, out);
  out += ':';
  append_padded(clock.minutes().count(), 2, out);
  out += ':';
  append_padded(clock.seconds().count(), 2, out);
  if (clock.subseconds().count() != 0) {
    out += '.';
    append_padded(clock.subseconds().count(), 6, out);
  }
  out += zone;
  return out;
}

std::optional<Timestamp> parse_time(std::string_view text) {
  auto digits = [&](std::size_t at, std::size_t count) -> std::optional<std::int64_t> {
    if (at + count > text.size()) return std::nullopt;
    std::string_view part = text.substr(at, count);
    if (part.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
    return number_of(part);
  };
  auto year = digits(0, 4), month = digits(5, 2), day = digits(8, 2);
  auto hour = digits(11, 2), minute = digits(14, 2), second = digits(17, 2);
  if (!year || !month || !day || !hour || !minute || !second) return std::nullopt;
  if (text[4] != '-' || text[7] != '-' || (text[10] != 'T' && text[10] != ' ') || text[13] != ':' || text[16] != ':') {
    return std::nullopt;
  }
  std::chrono::year_month_day date{std::chrono::year(static_cast<int>(*year)),
                                   std::chrono::month(static_cast<unsigned>(*month)),
                                   std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok() || *hour > 23 || *minute > 59 || *second > 59) return std::nullopt;
  Timestamp time = std::chrono::sys_days(date) + std::chrono::hours(*hour) + std::chrono::minutes(*minute) +
                   std::chrono::seconds(*second);
  text.remove_prefix(19);
  if (text.starts_with('.')) {
    std::size_t end = std::min(text.find_first_not_of("0123456789", 1), text.size());
    if (end == 1) return std::nullopt;
    std::string fraction(text.substr(1, end - 1));
    fraction.resize(6, '0');
    time += std::chrono::microseconds(*number_of(fraction));
    text.remove_prefix(end);
  }
  if (text.empty() || text == "Z") return time;  // without a zone it is UTC
  auto hours = digits(1, 2), minutes = digits(4, 2);
  if (text.size() != 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':' || !hours || !minutes) {
    return std::nullopt;
  }
  auto offset = std::chrono::hours(*hours) + std::chrono::minutes(*minutes);
  return text[0] == '+' ? time - offset : time + offset;
}

std::string Encoder::encode(const EventView& event, std::vector<std::string_view>& fields) {
  if (!is_uuid(event.id)) return wrong("id", event.id, "is no UUID");
  if (event.type.empty()) return "type is empty";
  if (!is_uuid(event.aggregate_id)) return wrong("aggregate_id", event.aggregate_id, "is no UUID");
  if (event.aggregate_version < 1) {
    return wrong("aggregate_version", std::to_string(event.aggregate_version), "is less than 1");
  }
  constexpr auto first = std::chrono::sys_days(std::chrono::year(1) / 1 / 1);
  constexpr auto end = std::chrono::sys_days(std::chrono::year(10000) / 1 / 1);
  if (event.occurred_at < first || event.occurred_at >= end) return "occurred_at is not in the years 1 to 9999";
  for (std::string_view name : {header::tenant_id, header::correlation_id, header::causation_id}) {
    std::string_view value = header_of(event, name);
    if (!value.empty() && !is_uuid(value)) return wrong("header " + std::string(name), value, "is no UUID");
  }
  std::string_view version = has_header(event, header::event_version) ? header_of(event, header::event_version) : "1";
  if (std::optional<std::int64_t> number = number_of(version); !number || *number < 1 || version[0] == '0') {
    return wrong("header event_version", version, "is no number from 1 on");
  }
  if (std::string problem = scan_object(event.payload, members_); !problem.empty()) return "payload: " + problem;
  std::string memory;
  for (const JsonMember& member : members_) {
    memory.clear();
    if (std::string_view key = unquoted(member.key, memory); is_envelope(key)) {
      return wrong("payload: the key", key, "is one of the format's own");
    }
  }

  time_ = time_text(event.occurred_at, "+00:00");
  std::string& out = payload_;
  out.clear();
  auto text = [&](std::string_view value) { return append_quoted(value, out); };
  auto uuid_or_null = [&](std::string_view value) { value.empty() ? void(out += "null") : void(text(value)); };
  out += R"({"event_id":)";
  text(event.id);
  out += R"(,"event_type":)";
  if (!text(event.type)) return "type is no UTF-8";
  out += R"(,"event_version":)";
  out += version;
  out += R"(,"occurred_at":)";
  text(time_text(event.occurred_at, "Z"));
  out += R"(,"aggregate_id":)";
  text(event.aggregate_id);
  out += R"(,"aggregate_type":)";
  if (!text(event.aggregate_type)) return "aggregate_type is no UTF-8";
  out += R"(,"aggregate_version":)";
  out += std::to_string(event.aggregate_version);
  std::string_view tenant = header_of(event, header::tenant_id);
  out += R"(,"tenant_id":)";
  uuid_or_null(tenant);
  out += R"(,"actor_id":)";
  if (!has_header(event, header::actor_id)) {
    out += "null";
  } else if (!text(header_of(event, header::actor_id))) {
    return "header actor_id is no UTF-8";
  }
  // Never null there, and a reader would make one up: an event that belongs to nothing correlates with itself.
  std::string_view correlation = header_of(event, header::correlation_id);
  out += R"(,"correlation_id":)";
  text(correlation.empty() ? event.id : correlation);
  out += R"(,"causation_id":)";
  uuid_or_null(header_of(event, header::causation_id));
  out += R"(,"metadata":{)";
  bool any = false;
  for (const HeaderView& one : event.headers) {
    if (std::find(header_names.begin(), header_names.end(), one.name) != header_names.end()) continue;
    if (std::exchange(any, true)) out += ',';
    if (!text(one.name)) return "a header's name is no UTF-8";
    out += ':';
    if (!text(one.value)) return "header " + std::string(one.name) + " is no UTF-8";
  }
  out += '}';
  if (!members_.empty()) {
    out += ',';
    const char* begin = members_.front().key.data();
    out.append(begin, members_.back().value.data() + members_.back().value.size());
  }
  out += '}';
  fields.assign({"event_id", event.id, "event_type", event.type, "aggregate_id", event.aggregate_id, "aggregate_type",
                 event.aggregate_type, "tenant_id", tenant, "occurred_at", time_, "payload", payload_});
  return {};
}

// The text of a string, the JSON text of any other value.
std::string_view Decoder::text_of(std::string_view value) {
  return value.starts_with('"') ? unquoted(value, memory_) : value;
}

void Decoder::read_envelope(EventView& out, std::string_view& time) {
  for (const JsonMember& member : members_) {
    std::string_view key = member.key.substr(1, member.key.size() - 2), value = member.value;
    if (!is_envelope(key) || value == "null") continue;
    if (key == "event_id") out.id = text_of(value);
    if (key == "aggregate_id") out.aggregate_id = text_of(value);
    if (key == "aggregate_type") out.aggregate_type = text_of(value);
    if (key == "aggregate_version") out.aggregate_version = number_of(text_of(value)).value_or(-1);
    if (key == "occurred_at") time = text_of(value);
    if (key == "metadata" && !scan_object(value, metadata_).empty()) metadata_.clear();
  }
}

// The payload as it was published: mostly one piece of the text.
std::string_view Decoder::own_members() {
  auto own = [](const JsonMember& member) { return !is_envelope(member.key.substr(1, member.key.size() - 2)); };
  std::size_t begin = memory_.size();
  memory_ += '{';
  for (auto at = members_.begin(); (at = std::find_if(at, members_.end(), own)) != members_.end();) {
    auto stop = std::find_if_not(at, members_.end(), own);
    if (memory_.size() > begin + 1) memory_ += ',';
    const char* first = at->key.data();
    memory_.append(first, std::prev(stop)->value.data() + std::prev(stop)->value.size());
    at = stop;
  }
  memory_ += '}';
  return std::string_view(memory_).substr(begin);
}

std::string Decoder::decode(std::span<const std::string_view> fields, EventView& out) {
  std::string_view payload, time;
  for (std::size_t i = 0; i + 1 < fields.size(); i += 2) {
    std::string_view name = fields[i], value = fields[i + 1];
    if (name == "event_type") out.type = value;
    if (name == "event_id") out.id = value;
    if (name == "aggregate_id") out.aggregate_id = value;
    if (name == "aggregate_type") out.aggregate_type = value;
    if (name == "occurred_at") time = value;
    if (name == "payload") payload = value;
  }
  out.payload = payload;
  headers_.clear();
  metadata_.clear();
  memory_.clear();
  if (out.type.empty()) return "the entry's field 'event_type' is empty";
  if (std::string problem = scan_object(payload, members_); !problem.empty()) {
    return "the entry's field 'payload': " + problem;
  }
  memory_.reserve(2 * payload.size() + 2);  // every string unescaped at most once, and the event's own members
  out.aggregate_version = 1;
  read_envelope(out, time);
  if (out.aggregate_version < 1) return "the entry's aggregate_version is no number from 1 on";
  std::optional<Timestamp> occurred_at = parse_time(time);
  if (!occurred_at) return "the entry's occurred_at '" + std::string(time) + "' is no time";
  out.occurred_at = *occurred_at;
  for (std::string_view name : header_names) {
    for (const JsonMember& member : members_) {
      if (member.key.substr(1, member.key.size() - 2) == name && member.value != "null") {
        headers_.push_back({name, text_of(member.value)});
      }
    }
  }
  for (const JsonMember& member : metadata_) {
    std::string_view name = unquoted(member.key, memory_);
    auto same = [&](const HeaderView& one) { return one.name == name; };
    if (std::any_of(headers_.begin(), headers_.end(), same)) continue;  // the envelope's own wins
    headers_.push_back({name, text_of(member.value)});
  }
  out.headers = headers_;
  out.payload = own_members();
  return {};
}

}  // namespace eventbus::redis_streams::eventsource_py
