// Events as NDJSON: one JSON object a line. What is in `data` crosses byte for byte, so numbers keep their digits.
#pragma once

#include <eventbus/event.hpp>
#include <eventbus/handler.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace eventbus::app {

using Json = nlohmann::ordered_json;

// Reads one line. Throws Error (invalid_argument) that says which key is wrong, what was found and what is allowed.
// The keys that line_from adds for a delivery are accepted and ignored, so consumed lines can be published again.
Event event_from_line(std::string_view line);

// The line for a delivered event, with its newline: `data` where the payload is JSON, `data_base64` where it is other
// bytes, neither where it is empty.
std::string line_from(const Event& event, const Delivery& delivery);

bool is_json(std::string_view text);

// Reads e.g. 2026-11-23T00:00:00Z; throws Error (invalid_argument) that names `key`.
Timestamp time_from(const std::string& text, const std::string& key);

// With microseconds: 2026-11-23T00:00:00.000000Z.
std::string text_from(Timestamp time);

}  // namespace eventbus::app
