#include "engine/check_event.hpp"

#include <algorithm>
#include <string>

#include <eventbus/event_id.hpp>

namespace eventbus::host {
namespace {

Error refused(const Event& event, const std::string& cause) {
  std::string what = event.type.empty() ? "an event" : "event '" + event.type + "'";
  if (!event.id.empty()) what += " (" + event.id + ")";
  return Error(ErrorCode::invalid_argument, "publish: cannot publish " + what + ": " + cause);
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }

std::optional<std::string> header_problem(const std::string& name) {
  if (name.empty()) return "a header has an empty name; give it one";
  if (name.find('=') != std::string::npos) return "the header name '" + name + "' holds '='; leave it out";
  if (std::any_of(name.begin(), name.end(), is_control)) {
    return "a header name holds a control character; use printable text";
  }
  if (name.starts_with(header::reserved_prefix)) {
    return "the header name '" + name + "' begins with 'eventbus-', which is reserved; use another name";
  }
  return std::nullopt;
}

}  // namespace

std::optional<Error> check_event(const Event& event, std::uint64_t max_payload_bytes, bool needs_bytes) {
  if (event.type.empty()) return refused(event, "its type is empty; set Event::type");
  for (const auto& [name, value] : event.headers) {
    if (auto problem = header_problem(name)) return refused(event, *problem);
  }
  if (event.payload.object() && !needs_bytes) return std::nullopt;
  try {
    std::size_t size = event.payload.bytes().size();
    if (size <= max_payload_bytes) return std::nullopt;
    return refused(event, "its payload has " + std::to_string(size) + " bytes; allowed are " +
                              std::to_string(max_payload_bytes) + "; send less, or raise max_payload_bytes");
  } catch (const Error& error) {
    return refused(event, error.what());
  }
}

void stamp_event(Event& event, Timestamp now) {
  if (event.id.empty()) event.id = new_event_id();
  if (event.occurred_at == Timestamp{}) event.occurred_at = now;
}

}  // namespace eventbus::host
