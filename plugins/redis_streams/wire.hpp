// Wire format `eventbus`: an entry has the fields type, meta, data, always all three, in this order. `meta` is one line
// of tab-separated values: format version, id, aggregate id, aggregate type, aggregate version, microseconds since the
// epoch, then headers as name=value; tab, newline and backslash are escaped. No I/O here.
#pragma once

#include <eventbus/backend.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "wire_eventsource_py.hpp"

namespace eventbus::redis_streams {

// Overwrites `out`, keeping its memory.
void encode_meta(const EventView& event, std::string& out);

// Appends one escaped value.
void escape_into(std::string_view value, std::string& out);

// Splits a line in the grammar of meta, unescaping each value. The values live in `line` and in `memory`, whose content
// is replaced.
void split_line(std::string_view line, std::string& memory, std::vector<std::string_view>& values);

enum class WireFormat { eventbus, eventsource_py };

// Throws Error (invalid_config) for a name that is none.
WireFormat parse_wire_format(std::string_view name);

// Makes an entry's fields of events.
class Encoder {
 public:
  explicit Encoder(WireFormat format) : format_(format) {}

  // Replaces `fields` by names and values in turn; they live in the event and in this encoder until its next use.
  // Returns why the format can't carry the event, or "".
  std::string encode(const EventView& event, std::vector<std::string_view>& fields);

 private:
  const WireFormat format_;
  std::string meta_;
  eventsource_py::Encoder eventsource_py_;
};

// Reads an entry's fields, of either format, as an event, and keeps the memory behind the view until the next use. Not
// to be moved meanwhile.
class Decoder {
 public:
  // `fields` are names and values in turn; their memory must outlive the view. Returns why it is no event, or "".
  std::string decode(std::span<const std::string_view> fields, EventView& out);

 private:
  std::string decode_meta(std::string_view meta, EventView& out);

  std::string memory_;
  std::vector<std::string_view> values_;
  std::vector<HeaderView> headers_;
  eventsource_py::Decoder eventsource_py_;
};

}  // namespace eventbus::redis_streams
