// Wire format `eventsource-py`: the entries of that Python library, byte for byte, so that services in both languages
// share a stream. Its fields are event_id, event_type, aggregate_id, aggregate_type, tenant_id, occurred_at, payload,
// in this order; `payload` is the JSON of the whole event: its envelope, then the event's own members. Here the members
// are the event's payload, and what the envelope has beyond an event's fields, and its metadata, are headers. No I/O
// here.
#pragma once

#include <eventbus/backend.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "json_text.hpp"

namespace eventbus::redis_streams::eventsource_py {

// Whether an entry is one of this format, dead or not. `fields` are names and values in turn.
bool is_entry(std::span<const std::string_view> fields);

// `2026-11-23T19:50:50.372516` and what follows it: "Z", or "+00:00". Whole seconds have no fraction.
std::string time_text(Timestamp time, std::string_view zone);

// Reads that, and any other offset; nullopt for anything else.
std::optional<Timestamp> parse_time(std::string_view text);

class Encoder {
 public:
  // Replaces `fields` by names and values in turn; they live in the event and in this encoder until its next use.
  // Returns why the format can't carry the event, or "".
  std::string encode(const EventView& event, std::vector<std::string_view>& fields);

 private:
  std::string time_, payload_;
  std::vector<JsonMember> members_;
};

class Decoder {
 public:
  // As redis_streams::Decoder.
  std::string decode(std::span<const std::string_view> fields, EventView& out);

 private:
  void read_envelope(EventView& out, std::string_view& time);
  std::string_view text_of(std::string_view value);
  std::string_view own_members();

  std::string memory_;  // reserved beforehand: views into it stay
  std::vector<JsonMember> members_, metadata_;
  std::vector<HeaderView> headers_;
};

}  // namespace eventbus::redis_streams::eventsource_py
