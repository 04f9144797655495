#include "ndjson.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <eventbus/base64.hpp>
#include <eventbus/error.hpp>
#include <eventbus/rfc3339.hpp>

namespace eventbus::app {
namespace {

[[noreturn]] void refuse(const std::string& why) { throw Error(ErrorCode::invalid_argument, why); }

[[noreturn]] void refuse(const std::string& key, const Json& found, const std::string& allowed) {
  std::string text = found.dump();
  if (text.size() > 60) text = text.substr(0, 57) + "...";
  refuse(key + ": found " + text + "; allowed is " + allowed);
}

std::string text_of(const Json& value, const std::string& key) {
  if (!value.is_string()) refuse(key, value, "a string");
  return value.get<std::string>();
}

std::int64_t integer_of(const Json& value, const std::string& key) {
  bool too_large = value.is_number_unsigned() && value.get<std::uint64_t>() > INT64_MAX;
  if (!value.is_number_integer() || too_large) refuse(key, value, "an integer");
  return value.get<std::int64_t>();
}

void read_headers(const Json& value, Event& event) {
  if (!value.is_object()) refuse("headers", value, "an object of strings");
  for (const auto& [name, text] : value.items()) event.headers.set(name, text_of(text, "headers." + name));
}

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// The end of the string or other value that begins at `at`, in valid JSON.
std::size_t end_of_value(std::string_view json, std::size_t at) {
  int depth = 0;
  for (bool quoted = false; at < json.size(); ++at) {
    char c = json[at];
    if (quoted) {
      if (c == '\\') ++at;
      if (c != '"') continue;
      quoted = false;
      if (depth == 0) return at + 1;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if (depth == 0 && (c == ',' || c == '}' || c == ':' || is_space(c))) {
      return at;
    } else if ((c == '}' || c == ']') && --depth == 0) {
      return at + 1;
    }
  }
  return at;
}

// The text of the member `data` in a valid object, as it stands there: decoding it would round its numbers.
std::string_view data_text(std::string_view object) {
  std::string_view found;
  auto skip = [&](std::size_t at) {
    while (at < object.size() && (is_space(object[at]) || object[at] == ',' || object[at] == ':')) ++at;
    return at;
  };
  for (std::size_t at = skip(object.find('{') + 1); at < object.size() && object[at] == '"';) {
    std::size_t key_end = end_of_value(object, at);
    bool is_data = Json::parse(object.substr(at, key_end - at)) == "data";
    std::size_t value = skip(key_end), value_end = end_of_value(object, value);
    if (is_data) found = object.substr(value, value_end - value);
    at = skip(value_end);
  }
  return found;
}

void read_member(const std::string& key, const Json& value, std::string_view line, Event& event) {
  if (key == "type") {
    event.type = text_of(value, key);
  } else if (key == "id") {
    event.id = text_of(value, key);
  } else if (key == "aggregate_id") {
    event.aggregate_id = text_of(value, key);
  } else if (key == "aggregate_type") {
    event.aggregate_type = text_of(value, key);
  } else if (key == "aggregate_version") {
    event.aggregate_version = integer_of(value, key);
  } else if (key == "occurred_at") {
    event.occurred_at = time_from(text_of(value, key), key);
  } else if (key == "headers") {
    read_headers(value, event);
  } else if (key == "data") {
    event.payload = data_text(line);
  } else if (key == "data_base64") {
    auto bytes = base64_decode(text_of(value, key));
    if (!bytes) refuse(key, value, "base64 text (RFC 4648)");
    event.payload = std::move(*bytes);
  } else if (key != "position" && key != "attempt" && key != "group" && key != "consumer") {
    refuse(
        key +
        ": unknown key; allowed are type, id, aggregate_id, aggregate_type, aggregate_version, occurred_at, headers, "
        "data, data_base64");
  }
}

}  // namespace

// The parser takes a NUL for the end, and skips a byte order mark: neither is JSON.
bool is_json(std::string_view text) {
  return text.find('\0') == std::string_view::npos && !text.starts_with("\xEF\xBB\xBF") && Json::accept(text);
}

Timestamp time_from(const std::string& text, const std::string& key) {
  auto time = parse_rfc3339(text);
  if (!time) refuse(key, Json(text), "a time such as \"2026-11-23T00:00:00Z\"");
  return *time;
}

std::string text_from(Timestamp time) {
  auto day = std::chrono::floor<std::chrono::days>(time);
  std::chrono::year_month_day date{day};
  std::chrono::hh_mm_ss clock{time - day};
  char text[80];
  std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d.%06dZ", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()), static_cast<int>(clock.subseconds().count()));
  return text;
}

Event event_from_line(std::string_view line) {
  if (line.starts_with("\xEF\xBB\xBF")) line.remove_prefix(3);  // files made on Windows begin with one
  Json object =
      line.find('\0') == std::string_view::npos ? Json::parse(line, nullptr, false) : Json(Json::value_t::discarded);
  if (object.is_discarded())
    refuse("not valid JSON; allowed is one object a line, such as {\"type\": \"OrderCreated\"}");
  if (!object.is_object()) refuse("event", object, "an object with at least \"type\"");
  if (object.contains("data") && object.contains("data_base64")) {
    refuse("data and data_base64: found both; allowed is one payload");
  }
  Event event;
  for (const auto& [key, value] : object.items()) read_member(key, value, line, event);
  if (event.type.empty()) refuse("type: is missing or empty; every event needs one");
  return event;
}

std::string line_from(const Event& event, const Delivery& delivery) {
  Json object;
  object["position"] = to_string(delivery.position());
  object["attempt"] = delivery.attempt();
  object["group"] = delivery.group();
  object["consumer"] = delivery.consumer();
  object["type"] = event.type;
  object["id"] = event.id;
  if (!event.aggregate_id.empty()) object["aggregate_id"] = event.aggregate_id;
  if (!event.aggregate_type.empty()) object["aggregate_type"] = event.aggregate_type;
  if (event.aggregate_version != 0) object["aggregate_version"] = event.aggregate_version;
  object["occurred_at"] = text_from(event.occurred_at);
  for (const auto& [name, value] : event.headers) object["headers"][name] = value;
  std::string_view payload = event.payload.bytes();
  bool json = is_json(payload);
  if (!json && !payload.empty()) object["data_base64"] = base64_encode(payload);
  std::string line = object.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (json) {
    line.pop_back();
    line += ",\"data\":";
    std::size_t begin = line.size();
    line += payload;
    // In valid JSON a line break stands between tokens only.
    std::replace_if(
        line.begin() + static_cast<std::ptrdiff_t>(begin), line.end(), [](char c) { return c == '\n' || c == '\r'; },
        ' ');
    line += '}';
  }
  line += '\n';
  return line;
}

}  // namespace eventbus::app
