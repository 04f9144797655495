// JSON as text: cuts an object into its members without reading the values, so that a number stays what was written.
// No I/O here.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace eventbus::redis_streams {

// A member of an object; both are parts of the text that was scanned.
struct JsonMember {
  std::string_view key;    // with its quotes
  std::string_view value;  // its text, e.g. `1.50`, `"a"` with quotes, `{"b": 2}`
};

// Replaces `members` by those of the object that `text` is. Returns why it is no JSON object, with the place, or "".
// Numbers that no double can hold are refused, as are NaN and infinity, which are no JSON.
std::string scan_object(std::string_view text, std::vector<JsonMember>& members);

// What a quoted string says: a view of it where nothing is escaped, else of what was appended to `memory`. Never longer
// than the quoted text, so reserved memory stays where it is. `quoted` comes from a scan.
std::string_view unquoted(std::string_view quoted, std::string& memory);

// Appends the text as a quoted string. False if it is no UTF-8: then nothing is appended.
bool append_quoted(std::string_view text, std::string& out);

}  // namespace eventbus::redis_streams
