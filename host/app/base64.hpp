// Base64 (RFC 4648, the standard alphabet), for payloads that are no text.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace eventbus::app {

std::string base64_encode(std::string_view bytes);

// Padding may be left out; nullopt for anything that is no base64 text.
std::optional<std::string> base64_decode(std::string_view text);

}  // namespace eventbus::app
