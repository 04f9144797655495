// Wire format `eventbus`: an entry has the fields type, meta, data, always all three, in this order. `meta` is one line
// of tab-separated values: format version, id, aggregate id, aggregate type, aggregate version, microseconds since the
// epoch, then headers as name=value; tab, newline and backslash are escaped. No I/O here.
#pragma once

#include <eventbus/backend.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace eventbus::redis_streams {

// Overwrites `out`, keeping its memory.
void encode_meta(const EventView& event, std::string& out);

// Appends one escaped value.
void escape_into(std::string_view value, std::string& out);

// Splits a line in the grammar of meta, unescaping each value. The values live in `line` and in `memory`, whose content
// is replaced.
void split_line(std::string_view line, std::string& memory, std::vector<std::string_view>& values);

// Reads an entry's fields as an event, and keeps the memory behind the view until the next use. Not to be moved
// meanwhile.
class Decoder {
 public:
  // `fields` are names and values in turn; their memory must outlive the view. Returns why it is no event, or "".
  std::string decode(std::span<const std::string_view> fields, EventView& out);

 private:
  std::string decode_meta(std::string_view meta, EventView& out);

  std::string memory_;
  std::vector<std::string_view> values_;
  std::vector<HeaderView> headers_;
};

}  // namespace eventbus::redis_streams
