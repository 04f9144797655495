#include "config/keys.hpp"

#include <algorithm>
#include <eventbus/rfc3339.hpp>
#include <limits>
#include <utility>

#include "config/capability.hpp"
#include "config/suggest.hpp"

namespace eventbus::host {
namespace {

using std::chrono::milliseconds;
constexpr std::int64_t longest_ms = 7LL * 24 * 3600 * 1000;
constexpr std::int64_t hundred_years_ms = 100LL * 365 * 24 * 3600 * 1000;
constexpr std::int64_t any_count = std::numeric_limits<std::int64_t>::max();

// A key of one field. `read` returns what the field is set to, `write` turns the field into JSON.
template <class Get, class Read, class Write>
Key field(std::string name, Get get, Read read, Write write, bool text = false, bool scalar = true) {
  return {std::move(name), text, scalar,
          [=](BusConfig& config, const Json& value, const Place& place) { get(config) = read(value, place); },
          [=](const BusConfig& config) { return Json(write(get(config))); }};
}

constexpr auto as_it_is = [](const auto& value) { return value; };

template <class Get>
Key integer(std::string name, Get get, std::int64_t minimum, std::int64_t maximum) {
  using Field = std::remove_reference_t<decltype(get(std::declval<BusConfig&>()))>;
  auto read = [=](const Json& value, const Place& place) {
    return static_cast<Field>(read_integer(value, place, minimum, maximum));
  };
  return field(std::move(name), get, read, as_it_is);
}
template <class Get>
Key duration(std::string name, Get get, std::int64_t minimum, std::int64_t maximum) {
  auto read = [=](const Json& value, const Place& place) {
    return milliseconds(read_integer(value, place, minimum, maximum, "an integer of milliseconds"));
  };
  return field(std::move(name), get, read, [](milliseconds value) { return value.count(); });
}
template <class Get>
Key number(std::string name, Get get, double minimum, double maximum) {
  auto read = [=](const Json& value, const Place& place) { return read_number(value, place, minimum, maximum); };
  return field(std::move(name), get, read, as_it_is);
}
template <class Get>
Key boolean(std::string name, Get get) {
  return field(std::move(name), get, read_boolean, as_it_is);
}
template <class Get>
Key name(std::string key, Get get) {
  return field(std::move(key), get, read_name, as_it_is, true);
}
template <class Get, class Read>
Key list(std::string name, Get get, Read read_one) {
  auto read = [=](const Json& value, const Place& place) {
    if (!value.is_array()) place.refuse_value(value, "a list of strings");
    std::vector<std::string> all;
    for (std::size_t i = 0; i < value.size(); ++i) {
      all.push_back(read_one(value[i], place.at(std::to_string(i))));
    }
    return all;
  };
  return field(std::move(name), get, read, as_it_is, false, false);
}
template <class Get, class Value>
Key choice(std::string name, Get get, std::vector<std::pair<std::string, Value>> choices) {
  auto read = [=](const Json& value, const Place& place) {
    std::vector<std::string> allowed;
    for (const auto& one : choices) allowed.push_back(one.first);
    std::string found = read_choice(value, place, allowed);
    return std::find_if(choices.begin(), choices.end(), [&](const auto& one) { return one.first == found; })->second;
  };
  auto write = [=](Value value) {
    auto at = std::find_if(choices.begin(), choices.end(), [&](const auto& one) { return one.second == value; });
    return at == choices.end() ? Json() : Json(at->first);
  };
  return field(std::move(name), get, read, write, true);
}
Key object(std::string name, std::vector<Key> keys) {
  auto read = [keys](BusConfig& config, const Json& value, const Place& place) {
    if (!value.is_object()) place.refuse_value(value, "an object");
    read_object(keys, config, value, place);
  };
  auto write = [keys](const BusConfig& config) {
    Json object = Json::object();
    for (const Key& key : keys) object[key.name] = key.write(config);
    return object;
  };
  return {std::move(name), false, false, read, write};
}

std::string read_backend(const Json& value, const Place& place) {
  std::string name = read_name(value, place);
  if (name.find("://") == std::string::npos) return name;
  place.refuse(
      "found an address (not shown: it may hold a secret); allowed is \"memory\", a plugin's name, or a path to a "
      "plugin; an address belongs into the backend's own section, as backends.redis-streams.redis_url");
}

std::string read_capability(const Json& value, const Place& place) {
  std::vector<std::string> names;
  for (const Capability& one : capabilities_by_name) names.emplace_back(one.name);
  return read_choice(value, place, names);
}

StartFrom read_start_from(const Json& value, const Place& place) {
  if (value == "earliest") return StartFrom::earliest();
  if (value == "latest") return StartFrom::latest();
  if (value.is_object() && value.size() == 1 && value.contains("position")) {
    auto position = parse_position(read_string(value["position"], place.at("position")));
    if (!position) place.at("position").refuse_value(value["position"], "a position such as \"5-0\"");
    return StartFrom::after(*position);
  }
  if (value.is_object() && value.size() == 1 && value.contains("time")) {
    auto time = parse_rfc3339(read_string(value["time"], place.at("time")));
    if (!time) place.at("time").refuse_value(value["time"], "a time such as \"2026-11-23T00:00:00Z\"");
    return StartFrom::at(*time);
  }
  place.refuse_value(value,
                     "\"earliest\", \"latest\", {\"position\": \"5-0\"} or {\"time\": \"2026-11-23T00:00:00Z\"}");
}

// Any position and any time is allowed: only the kind is there to be checked.
Json write_start_from(const StartFrom& start) {
  switch (start.kind) {
    case StartFrom::Kind::earliest:
    case StartFrom::Kind::position:
    case StartFrom::Kind::time: return "earliest";
    case StartFrom::Kind::latest: return "latest";
  }
  return {};
}

// Their contents are not shown: a section holds secrets, and which they are only its backend knows.
std::map<std::string, std::string> read_backends(const Json& value, const Place& place) {
  Place hidden{place.origin, place.path, true};
  if (!value.is_object()) hidden.refuse_value(value, "an object, with a section for each backend");
  std::map<std::string, std::string> sections;
  for (const auto& [backend, section] : value.items()) {
    if (!section.is_object()) hidden.at(backend).refuse_value(section, "an object, the backend's own section");
    sections[backend] = section.dump();
  }
  return sections;
}

Json write_backends(const std::map<std::string, std::string>& sections) {
  Json object = Json::object();
  for (const auto& [backend, text] : sections) {
    Json section = Json::parse(text, nullptr, false);
    object[backend] = section.is_discarded() ? Json() : section;
  }
  return object;
}

// clang-format off
#define EVENTBUS_FIELD(member) [](auto& config) -> auto& { return config.member; }

std::vector<Key> make_keys() {
  return {
      field("backend", EVENTBUS_FIELD(backend), read_backend, as_it_is, true),
      list("plugin_dirs", EVENTBUS_FIELD(plugin_dirs), read_name),
      name("stream_prefix", EVENTBUS_FIELD(stream_prefix)),
      name("consumer_group", EVENTBUS_FIELD(consumer_group)),
      field("consumer_name", EVENTBUS_FIELD(consumer_name),
            [](const Json& value, const Place& place) {
              return value.is_null() ? std::nullopt : std::optional(read_name(value, place));
            },
            [](const std::optional<std::string>& value) { return value ? Json(*value) : Json(); }, true),
      field("start_from", EVENTBUS_FIELD(start_from), read_start_from, write_start_from),
      boolean("read_only", EVENTBUS_FIELD(read_only)),
      integer("batch_size", EVENTBUS_FIELD(batch_size), 1, 100000),
      duration("block_ms", EVENTBUS_FIELD(block), 1, 3600000),
      integer("max_in_flight", EVENTBUS_FIELD(max_in_flight), 1, 10000000),
      integer("max_parked", EVENTBUS_FIELD(max_parked), 1, 100000000),
      integer("concurrency", EVENTBUS_FIELD(concurrency), 1, 1024),
      choice<>("on_unhandled", EVENTBUS_FIELD(on_unhandled),
               std::vector<std::pair<std::string, OnUnhandled>>{{"ack", OnUnhandled::ack},
                                                                {"dead_letter", OnUnhandled::dead_letter},
                                                                {"release", OnUnhandled::release}}),
      choice<>("on_retry", EVENTBUS_FIELD(on_retry),
               std::vector<std::pair<std::string, OnRetry>>{{"block_key", OnRetry::block_key}, {"skip", OnRetry::skip}}),
      duration("max_handling_ms", EVENTBUS_FIELD(max_handling), 0, longest_ms),
      integer("max_retries", EVENTBUS_FIELD(max_retries), 0, 1000000),
      object("retry", {duration("initial_ms", EVENTBUS_FIELD(retry.initial), 0, longest_ms),
                       duration("max_ms", EVENTBUS_FIELD(retry.max), 0, longest_ms),
                       number("multiplier", EVENTBUS_FIELD(retry.multiplier), 1.0, 100.0),
                       number("jitter", EVENTBUS_FIELD(retry.jitter), 0.0, 1.0)}),
      boolean("enable_dlq", EVENTBUS_FIELD(enable_dlq)),
      name("dlq_stream_suffix", EVENTBUS_FIELD(dlq_stream_suffix)),
      integer("dlq_max_length", EVENTBUS_FIELD(dlq_max_length), 0, any_count),
      duration("pending_idle_ms", EVENTBUS_FIELD(pending_idle), 100, longest_ms),
      duration("recovery_interval_ms", EVENTBUS_FIELD(recovery_interval), 100, longest_ms),
      duration("connect_retry_ms", EVENTBUS_FIELD(connect_retry), 0, longest_ms),
      duration("shutdown_timeout_ms", EVENTBUS_FIELD(shutdown_timeout), 0, longest_ms),
      integer("max_payload_bytes", EVENTBUS_FIELD(max_payload_bytes), 1, 536870912),
      integer("max_background", EVENTBUS_FIELD(max_background), 1, 10000000),
      object("trim", {integer("max_length", EVENTBUS_FIELD(trim.max_length), 0, any_count),
                      duration("max_age_ms", EVENTBUS_FIELD(trim.max_age), 0, hundred_years_ms),
                      integer("hard_max_length", EVENTBUS_FIELD(trim.hard_max_length), 0, any_count)}),
      boolean("enable_tracing", EVENTBUS_FIELD(enable_tracing)),
      object("log", {field("level", EVENTBUS_FIELD(log_level),
                           [](const Json& value, const Place& place) {
                             return read_choice(value, place, {"trace", "debug", "info", "warn", "error", "off"});
                           }, as_it_is, true)}),
      list("require", EVENTBUS_FIELD(require), read_capability),
      field("backends", EVENTBUS_FIELD(backends), read_backends, write_backends, false, false),
  };
}

#undef EVENTBUS_FIELD
// clang-format on

}  // namespace

const std::vector<Key>& top_level_keys() {
  static const std::vector<Key> keys = make_keys();
  return keys;
}

void read_object(const std::vector<Key>& keys, BusConfig& config, const Json& object, const Place& place) {
  Problems problems;
  for (const auto& [name, value] : object.items()) {
    auto key = std::find_if(keys.begin(), keys.end(), [&, found = name](const Key& one) { return one.name == found; });
    Place here = place.at(name);
    problems.collect([&, found = name, json = std::cref(value)] {
      if (key != keys.end()) return key->read(config, json.get(), here);
      std::vector<std::string> names;
      for (const Key& one : keys) names.push_back(one.name);
      here.refuse(unknown_key(found, names));
    });
  }
  problems.raise();
}

}  // namespace eventbus::host
