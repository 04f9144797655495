// Base64 (RFC 4648, the standard alphabet).
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace eventbus {
namespace detail {

inline constexpr std::string_view base64_alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

inline constexpr auto base64_digits = [] {
  std::array<int, 256> table{};
  table.fill(-1);
  for (std::size_t i = 0; i < base64_alphabet.size(); ++i) {
    table[static_cast<unsigned char>(base64_alphabet[i])] = static_cast<int>(i);
  }
  return table;
}();

}  // namespace detail

inline std::string base64_encode(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::size_t have = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t block = 0;
    for (std::size_t k = 0; k < 3; ++k) block = block << 8 | (k < have ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    for (std::size_t k = 0; k < 4; ++k) text += k <= have ? detail::base64_alphabet[block >> (18 - 6 * k) & 63] : '=';
  }
  return text;
}

// Padding may be left out; nullopt for anything that is no base64 text.
inline std::optional<std::string> base64_decode(std::string_view text) {
  if (text.size() % 4 == 0) {
    for (int i = 0; i < 2 && text.ends_with('='); ++i) text.remove_suffix(1);
  }
  if (text.size() % 4 == 1) return std::nullopt;
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3 + 2);
  std::uint32_t block = 0;
  int bits = 0;
  for (char c : text) {
    int value = detail::base64_digits[static_cast<unsigned char>(c)];
    if (value < 0) return std::nullopt;
    block = (block << 6 | static_cast<std::uint32_t>(value)) & 0xFFFFFF;
    if ((bits += 6) >= 8) {
      bits -= 8;
      bytes += static_cast<char>(block >> bits & 0xFF);
    }
  }
  return bytes;
}

}  // namespace eventbus
