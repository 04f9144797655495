// Events to and from CloudEvents 1.0 in its JSON format (application/cloudevents+json), with nothing lost either way.
//
//   Event            CloudEvent
//   id, type         id, type
//   aggregate_id     subject
//   occurred_at      time
//   aggregate_type   aggregatetype (an extension, as the next)
//   aggregate_version  aggregateversion
//   headers          content_type: datacontenttype; correlation_id, causation_id, tenant_id, actor_id, event_version:
//   the
//                    same without `_`; any other whose name an attribute may have (a-z, 0-9): that attribute; the rest,
//                    and the order of all where an attribute can't tell it: eventbusheaders, as JSON text
//   payload          data where it is JSON (byte for byte, numbers too) or text of another content type, else
//                    data_base64
//
// A CloudEvent's source, dataschema, the text of a time that is finer than a microsecond or not in UTC, and the names
// of attributes that are numbers or booleans become the headers ce_source, ce_dataschema, ce_time and ce_types, and go
// back from there. Unset is unset, whether an attribute is null or missing. Errors: Error (invalid_argument) that names
// the attribute.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <eventbus/base64.hpp>
#include <eventbus/error.hpp>
#include <eventbus/event.hpp>
#include <eventbus/rfc3339.hpp>

namespace eventbus {

// `source` says where the event comes from, unless it has a header ce_source: a URI reference, e.g. "/shop/orders" or
// "https://example.com/orders". The event needs an id: one that publish has seen, or your own.
std::string to_cloud_event(const Event& event, std::string_view source);

// An event whose source is `own_source` gets no header ce_source.
Event from_cloud_event(std::string_view json, std::string_view own_source = {});

// The batch format (application/cloudevents-batch+json).
std::string to_cloud_events(std::span<const Event> events, std::string_view source);
std::vector<Event> from_cloud_events(std::string_view json, std::string_view own_source = {});

namespace detail::cloud {

using Attributes = nlohmann::ordered_json;

[[noreturn]] inline void refuse(const std::string& cause) {
  throw Error(ErrorCode::invalid_argument, "cloud events: " + cause);
}

// Both names are one thing. The reverse holds too: neither name stands for itself on the other side.
struct Pair {
  std::string_view header, attribute;
};
inline constexpr Pair renamed[] = {{header::content_type, "datacontenttype"},
                                   {header::correlation_id, "correlationid"},
                                   {header::causation_id, "causationid"},
                                   {header::tenant_id, "tenantid"},
                                   {header::actor_id, "actorid"},
                                   {header::event_version, "eventversion"},
                                   {"ce_dataschema", "dataschema"}};
inline constexpr std::string_view source_header = "ce_source", time_header = "ce_time", types_header = "ce_types";
inline constexpr std::string_view headers_attribute = "eventbusheaders";
inline constexpr std::string_view reserved[] = {
    "specversion",    "id",   "source",      "type",          "subject",
    "time",           "data", "data_base64", "aggregatetype", "aggregateversion",
    headers_attribute};

inline bool is_reserved(std::string_view attribute) {
  return std::find(std::begin(reserved), std::end(reserved), attribute) != std::end(reserved);
}

inline bool is_attribute_name(std::string_view name) {
  return !name.empty() &&
         std::all_of(name.begin(), name.end(), [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); });
}

// Empty: no attribute can carry it.
inline std::string_view attribute_of(std::string_view header) {
  for (const Pair& pair : renamed) {
    if (pair.header == header) return pair.attribute;
    if (pair.attribute == header) return {};
  }
  return is_attribute_name(header) && !is_reserved(header) ? header : std::string_view();
}
inline std::string_view header_of(std::string_view attribute) {
  for (const Pair& pair : renamed) {
    if (pair.attribute == attribute) return pair.header;
  }
  return attribute;
}

inline bool is_utf8(std::string_view text) {
  try {
    static_cast<void>(Attributes(text).dump());
    return true;
  } catch (const Attributes::exception&) {
    return false;
  }
}

// What the specification lets a String hold; U+0080 to U+009F are C2 80 to C2 9F.
inline bool is_attribute_text(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x20 || c == 0x7F) return false;
    if (c == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0) return false;
  }
  return is_utf8(text);
}

template <class Integer>
std::optional<Integer> whole_number(std::string_view text) {
  Integer number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || std::to_string(number) != text) return std::nullopt;
  return number;
}

// The media type without its parameters has the form */json or *+json; none at all means JSON.
inline bool is_json(const Attributes& attributes) {
  const auto at = attributes.find("datacontenttype");
  if (at == attributes.end() || !at->is_string()) return true;
  std::string type = at->get<std::string>();
  type = type.substr(0, type.find(';'));
  while (!type.empty() && type.back() == ' ') type.pop_back();
  for (char& c : type) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return type.ends_with("/json") || type.ends_with("+json");
}

// Walks through text that is known to be JSON, so that parts of it can be taken as they were written.
class Walk {
 public:
  explicit Walk(std::string_view json) : text_(json) {
    if (text_.starts_with("\xEF\xBB\xBF")) at_ = 3;
    skip_space();
  }
  // Past the bracket or comma before the next item; false at the end of the object or list.
  bool next() {
    if (closes()) return false;
    ++at_;
    skip_space();
    return !closes();
  }
  void colon() {
    ++at_;
    skip_space();
  }
  std::string_view value() {
    const std::size_t begin = at_;
    int depth = 0;
    do {
      const char c = text_[at_];
      if (c == '"') {
        skip_string();
      } else {
        depth += c == '{' || c == '[' ? 1 : c == '}' || c == ']' ? -1 : 0;
        ++at_;
      }
      if (depth == 0 && (text_[begin] == '"' || text_[begin] == '{' || text_[begin] == '[')) break;
    } while (at_ < text_.size() && (depth > 0 || !ends_scalar(text_[at_])));
    const std::string_view found = text_.substr(begin, at_ - begin);
    skip_space();
    return found;
  }

 private:
  static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
  static bool ends_scalar(char c) { return is_space(c) || c == ',' || c == '}' || c == ']'; }
  bool closes() const { return text_[at_] == '}' || text_[at_] == ']'; }
  void skip_space() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
  }
  void skip_string() {
    for (++at_; text_[at_] != '"'; ++at_) at_ += text_[at_] == '\\';
    ++at_;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

inline std::string_view member_text(std::string_view object, std::string_view name) {
  std::string_view found;
  Walk walk(object);
  while (walk.next()) {
    const auto key = Attributes::parse(walk.value()).get<std::string>();
    walk.colon();
    const std::string_view value = walk.value();
    if (key == name) found = value;
  }
  return found;
}

// ---- writing

inline void set_text(Attributes& to, const char* attribute, std::string_view value, const char* what) {
  if (value.empty()) return;
  if (!is_attribute_text(value)) {
    refuse(std::string("cannot write an event: its ") + what +
           " holds what an attribute can't, control characters or "
           "bytes that are not UTF-8");
  }
  to[attribute] = value;
}

inline Attributes typed(std::string_view text) {
  if (text == "true" || text == "false") return text == "true";
  if (const auto number = whole_number<std::int64_t>(text)) return *number;
  return text;
}

inline bool names(std::string_view list, std::string_view name) {
  for (std::size_t at = 0; at <= list.size();) {
    const std::size_t end = std::min(list.find(' ', at), list.size());
    if (list.substr(at, end - at) == name) return true;
    at = end + 1;
  }
  return false;
}

inline Attributes attributes_of(const Event& event, std::string_view source) {
  Attributes to = {{"specversion", "1.0"}};
  set_text(to, "id", event.id, "id");
  set_text(to, "source", event.headers.get(source_header).value_or(source), "source");
  set_text(to, "type", event.type, "type");
  for (const char* required : {"id", "source", "type"}) {
    if (!to.contains(required)) {
      refuse("cannot write event '" + event.type + "': it has no " + required + "; set it first");
    }
  }
  set_text(to, "subject", event.aggregate_id, "aggregate_id");
  const auto told = event.headers.get(time_header);
  if (told && parse_rfc3339(*told) == event.occurred_at) {
    to["time"] = *told;
  } else if (event.occurred_at != Timestamp{}) {
    to["time"] = to_rfc3339(event.occurred_at);
  }
  set_text(to, "aggregatetype", event.aggregate_type, "aggregate_type");
  if (const std::int64_t version = event.aggregate_version; version != 0) {
    constexpr auto most = std::numeric_limits<std::int32_t>::max();  // an attribute's Integer has 32 bits
    if (version >= -most && version <= most) {
      to["aggregateversion"] = version;
    } else {
      to["aggregateversion"] = std::to_string(version);
    }
  }
  const std::string_view types = event.headers.get(types_header).value_or("");
  for (const auto& [name, value] : event.headers) {
    const std::string attribute(attribute_of(name));
    if (attribute.empty() || value.empty() || !is_attribute_text(value)) continue;
    to[attribute] = names(types, attribute) ? typed(value) : Attributes(value);
  }
  return to;
}

// What a reader makes of attributes, but for `eventbusheaders`.
inline Headers headers_of(const Attributes& from) {
  Headers headers;
  std::string types;
  for (const auto& [attribute, value] : from.items()) {
    if (value.is_null()) continue;
    if (attribute == "source") headers.set(source_header, value.get_ref<const std::string&>());
    if (attribute == "time") {
      const auto& text = value.get_ref<const std::string&>();
      const Timestamp time = *parse_rfc3339(text);
      if (time == Timestamp{} || to_rfc3339(time) != text) headers.set(time_header, text);
    }
    if (is_reserved(attribute)) continue;
    if (value.is_string()) {
      headers.set(header_of(attribute), value.get_ref<const std::string&>());
    } else {
      headers.set(header_of(attribute), value.dump());
      types += (types.empty() ? "" : " ") + attribute;
    }
  }
  if (!types.empty()) headers.set(types_header, types);
  return headers;
}

// All headers in order: a name where an attribute has the value, else name and value, in Base64 where they must. A
// source that is not listed comes first, and only where it is not the reader's own.
inline std::string headers_text(const Headers& headers, const Headers& told, std::string_view own_source) {
  Attributes list = Attributes::array();
  for (const auto& [name, value] : headers) {
    if (name == source_header && list.empty() && value != own_source) {
      continue;
    } else if (told.get(name) == value) {
      list.push_back(name);
    } else if (is_utf8(name) && is_utf8(value)) {
      list.push_back({name, value});
    } else {
      list.push_back({base64_encode(name), base64_encode(value), "base64"});
    }
  }
  return list.dump(-1, ' ', true);  // ASCII: an attribute may hold no control character
}

inline void append_member(std::string& object, std::string_view name, std::string_view value) {
  object.pop_back();
  object.append(",\"").append(name).append("\":").append(value).append("}");
}

// ---- reading

inline const std::string& text_attribute(const Attributes& from, const std::string& name) {
  if (!from.at(name).is_string()) refuse("cannot read an event: its attribute '" + name + "' must be text");
  return from.at(name).get_ref<const std::string&>();
}

inline void check(const Attributes& from) {
  if (!from.is_object()) refuse("cannot read an event: it must be a JSON object");
  auto is_set = [&](const char* name) { return from.contains(name) && !from.at(name).is_null(); };
  for (const char* required : {"specversion", "id", "source", "type"}) {
    if (!is_set(required) || text_attribute(from, required).empty()) {
      refuse(std::string("cannot read an event: its attribute '") + required + "' is missing");
    }
  }
  if (text_attribute(from, "specversion") != "1.0") {
    refuse("cannot read an event of specversion '" + text_attribute(from, "specversion") + "'; 1.0 is known");
  }
  if (from.contains("data") && is_set("data_base64")) {
    refuse("cannot read an event: it has both 'data' and 'data_base64'; one of them is allowed");
  }
  if (is_set("time") && !parse_rfc3339(text_attribute(from, "time"))) {
    refuse("cannot read an event: its time '" + text_attribute(from, "time") + "' is not like 2018-04-05T17:31:00Z");
  }
  for (const auto& [name, value] : from.items()) {
    if (name == "data" || name == "data_base64") continue;
    if (!is_attribute_name(name)) {
      refuse("cannot read an event: '" + name + "' is no attribute's name; those consist of a-z and 0-9");
    }
    if (!value.is_string() && !value.is_boolean() && !value.is_number_integer() && !value.is_null()) {
      refuse("cannot read an event: its attribute '" + name + "' must be text, a whole number or a boolean");
    }
  }
  for (const char* name : {"subject", "time", "datacontenttype", "dataschema", "aggregatetype"}) {
    if (is_set(name)) text_attribute(from, name);
  }
}

inline Headers ordered(const Headers& told, const std::string& text) {
  Headers headers;
  const Attributes list = Attributes::parse(text, nullptr, false);
  auto is_entry = [](const Attributes& entry) {
    return entry.is_string() ||
           (entry.is_array() && (entry.size() == 2 || (entry.size() == 3 && entry[2] == "base64")) &&
            entry[0].is_string() && entry[1].is_string());
  };
  if (!list.is_array() || !std::all_of(list.begin(), list.end(), is_entry)) {
    refuse("cannot read an event: its attribute 'eventbusheaders' is no list of headers");
  }
  for (const Attributes& entry : list) {
    if (entry.is_string()) {
      const auto name = entry.get<std::string>();
      if (const auto value = told.get(name)) headers.set(name, *value);
    } else if (entry.size() == 2) {
      headers.set(entry[0].get<std::string>(), entry[1].get<std::string>());
    } else {
      const auto name = base64_decode(entry[0].get<std::string>()), value = base64_decode(entry[1].get<std::string>());
      if (!name || !value) refuse("cannot read an event: a header in 'eventbusheaders' is no Base64");
      headers.set(*name, *value);
    }
  }
  return headers;
}

inline Headers read_headers(const Attributes& from, std::string_view own_source) {
  const Headers told = headers_of(from);
  const auto text = from.find(headers_attribute);
  Headers listed;
  if (text != from.end() && !text->is_null()) listed = ordered(told, text_attribute(from, text.key()));
  Headers headers;
  if (const auto source = told.get(source_header); source != own_source && !listed.contains(source_header)) {
    headers.set(source_header, *source);
  }
  for (const Headers* some : {&std::as_const(listed), &told}) {
    for (const auto& [name, value] : *some) {
      if (some == &told && name == source_header) continue;
      if (!headers.contains(name)) headers.set(name, value);
    }
  }
  return headers;
}

inline std::string payload_of(const Attributes& from, std::string_view json) {
  if (const auto binary = from.find("data_base64"); binary != from.end() && !binary->is_null()) {
    auto bytes = base64_decode(text_attribute(from, "data_base64"));
    if (!bytes) refuse("cannot read an event: its 'data_base64' is no Base64");
    return std::move(*bytes);
  }
  const auto data = from.find("data");
  if (data == from.end()) return {};
  if (is_json(from)) return std::string(member_text(json, "data"));
  if (!data->is_string()) {
    refuse("cannot read an event: its data must be text, since its datacontenttype '" +
           text_attribute(from, "datacontenttype") + "' is not JSON");
  }
  return data->get<std::string>();
}

inline std::int64_t version_of(const Attributes& from) {
  const auto at = from.find("aggregateversion");
  if (at == from.end() || at->is_null()) return 0;
  const auto number = whole_number<std::int64_t>(at->is_string() ? at->get<std::string>() : at->dump());
  if (!number) refuse("cannot read an event: its attribute 'aggregateversion' must be a whole number");
  return *number;
}

inline Attributes parse(std::string_view json) {
  try {
    return Attributes::parse(json);
  } catch (const Attributes::exception& error) {
    refuse(std::string("cannot read an event: it is no JSON: ") + error.what());
  }
}

}  // namespace detail::cloud

inline std::string to_cloud_event(const Event& event, std::string_view source) {
  using namespace detail::cloud;
  Attributes attributes = attributes_of(event, source);
  Headers told = headers_of(attributes);
  const bool own = !event.headers.contains(source_header);
  if (own) told.erase(source_header);
  if (told != event.headers || event.headers.get(source_header) == source) {
    attributes[std::string(headers_attribute)] = headers_text(event.headers, told, source);
  }
  std::string json = attributes.dump();
  const std::string_view bytes = event.payload.bytes();
  if (bytes.empty()) return json;
  auto trimmed = [&] {
    return std::string_view(" \t\r\n\xEF").find(bytes.front()) == std::string_view::npos &&
           std::string_view(" \t\r\n").find(bytes.back()) == std::string_view::npos;
  };
  if (detail::cloud::is_json(attributes) && trimmed() && Attributes::accept(bytes)) {
    append_member(json, "data", bytes);
  } else if (!detail::cloud::is_json(attributes) && is_utf8(bytes)) {
    append_member(json, "data", Attributes(bytes).dump());
  } else {
    append_member(json, "data_base64", '"' + base64_encode(bytes) + '"');
  }
  return json;
}

inline Event from_cloud_event(std::string_view json, std::string_view own_source) {
  using namespace detail::cloud;
  const Attributes from = parse(json);
  check(from);
  auto text = [&](const char* name) {
    const auto at = from.find(name);
    return at == from.end() || at->is_null() ? std::string() : at->get<std::string>();
  };
  Event event;
  event.id = text("id");
  event.type = text("type");
  event.aggregate_id = text("subject");
  event.aggregate_type = text("aggregatetype");
  event.aggregate_version = version_of(from);
  if (const std::string time = text("time"); !time.empty()) event.occurred_at = *parse_rfc3339(time);
  event.headers = read_headers(from, own_source);
  event.payload = Payload(payload_of(from, json));
  return event;
}

inline std::string to_cloud_events(std::span<const Event> events, std::string_view source) {
  std::string json = "[";
  for (const Event& event : events) {
    if (json.size() > 1) json += ',';
    json += to_cloud_event(event, source);
  }
  return json + ']';
}

inline std::vector<Event> from_cloud_events(std::string_view json, std::string_view own_source) {
  using namespace detail::cloud;
  if (!parse(json).is_array()) refuse("cannot read a batch: it must be a JSON array");
  std::vector<Event> events;
  Walk walk(json);
  while (walk.next()) events.push_back(from_cloud_event(walk.value(), own_source));
  return events;
}

}  // namespace eventbus
