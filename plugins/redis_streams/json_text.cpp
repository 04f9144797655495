#include "json_text.hpp"

#include <charconv>
#include <cstdint>

namespace eventbus::redis_streams {
namespace {

constexpr int deepest = 200;  // as the parser behind eventsource-py has it

// The length of the UTF-8 sequence that begins here; 0 if none does.
std::size_t utf8_length(std::string_view text) {
  auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  auto follows = [&](std::size_t i) { return (byte(i) & 0xC0u) == 0x80u; };
  unsigned first = byte(0), second = byte(1);
  if (first < 0x80) return text.empty() ? 0 : 1;
  if (first >= 0xC2 && first <= 0xDF) return follows(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    bool overlong = first == 0xE0 && second < 0xA0, surrogate = first == 0xED && second > 0x9F;
    return follows(1) && follows(2) && !overlong && !surrogate ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    bool overlong = first == 0xF0 && second < 0x90, beyond = first == 0xF4 && second > 0x8F;
    return follows(1) && follows(2) && follows(3) && !overlong && !beyond ? 4 : 0;
  }
  return 0;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// A fraction or an exponent makes a double of it; an integer has no bound.
bool is_too_large(std::string_view number) {
  if (number.find_first_of(".eE") == std::string_view::npos) return false;
  double value = 0;
  if (std::from_chars(number.data(), number.data() + number.size(), value).ec != std::errc::result_out_of_range) {
    return false;
  }
  // Too large or too small? The place of the first digit that is not 0 tells.
  std::size_t mantissa_end = std::min(number.find_first_of("eE"), number.size());
  std::int64_t exponent = 0;
  if (mantissa_end < number.size()) {
    std::string_view text = number.substr(mantissa_end + 1);
    if (text.starts_with('+')) text.remove_prefix(1);
    if (std::from_chars(text.data(), text.data() + text.size(), exponent).ec != std::errc{}) {
      return !text.starts_with('-');
    }
  }
  std::string_view mantissa = number.substr(0, mantissa_end);
  auto point = static_cast<std::int64_t>(std::min(mantissa.find('.'), mantissa.size()));
  auto first = static_cast<std::int64_t>(mantissa.find_first_of("123456789"));
  return point - first + exponent > 0;
}

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  std::string object(std::vector<JsonMember>& members) {
    members.clear();
    skip_space();
    if (!at('{')) return "it is no JSON object";
    if (!members_of('}', &members, 1)) return problem_;
    skip_space();
    if (at_ < text_.size()) return "there is something behind the JSON object, at byte " + std::to_string(at_);
    return {};
  }

 private:
  bool at(char c) const { return at_ < text_.size() && text_[at_] == c; }
  void skip_space() {
    while (at(' ') || at('\t') || at('\n') || at('\r')) ++at_;
  }
  bool refuse(const std::string& why) {
    problem_ = at_ < text_.size() ? why + " at byte " + std::to_string(at_) : "the JSON object does not end";
    return false;
  }

  // An object or an array from its bracket on; `members` only of the outermost.
  bool members_of(char end, std::vector<JsonMember>* members, int depth) {
    if (depth > deepest) return refuse("nesting of more than " + std::to_string(deepest) + " levels");
    ++at_;
    skip_space();
    if (at(end)) return ++at_, true;
    for (;;) {
      skip_space();
      std::size_t key = at_;
      std::string_view name;
      if (end == '}') {
        if (!at('"')) return refuse("no key");
        if (!string()) return false;
        name = text_.substr(key, at_ - key);
        skip_space();
        if (!at(':')) return refuse("no colon behind a key");
        ++at_;
        skip_space();
      }
      std::size_t begin = at_;
      if (!value(depth)) return false;
      if (members) members->push_back({name, text_.substr(begin, at_ - begin)});
      skip_space();
      if (at(end)) return ++at_, true;
      if (!at(',')) return refuse("neither a comma nor an end");
      ++at_;
    }
  }

  bool value(int depth) {
    if (at('{')) return members_of('}', nullptr, depth + 1);
    if (at('[')) return members_of(']', nullptr, depth + 1);
    if (at('"')) return string();
    for (std::string_view word : {"true", "false", "null"}) {
      if (text_.substr(at_).starts_with(word)) return at_ += word.size(), true;
    }
    return number();
  }

  bool string() {
    for (++at_; at_ < text_.size();) {
      auto c = static_cast<unsigned char>(text_[at_]);
      if (c == '"') return ++at_, true;
      if (c < 0x20) return refuse("a control character in a string");
      if (c == '\\') {
        if (!escape()) return false;
        continue;
      }
      std::size_t length = c < 0x80 ? 1 : utf8_length(text_.substr(at_));
      if (length == 0) return refuse("no UTF-8");
      at_ += length;
    }
    return refuse("");
  }

  bool escape() {
    std::size_t backslash = at_++;
    if (at('u')) {
      unsigned unit = 0;
      if (!hexadecimal(unit)) return refuse("a wrong escape");
      if (unit >= 0xDC00 && unit <= 0xDFFF) return refuse("half a surrogate pair");
      if (unit >= 0xD800 && unit <= 0xDBFF) {
        if (!at('\\')) return refuse("half a surrogate pair");
        ++at_;
        if (!at('u') || !hexadecimal(unit) || unit < 0xDC00 || unit > 0xDFFF) return refuse("half a surrogate pair");
      }
      return true;
    }
    if (at_ < text_.size() && std::string_view("\"\\/bfnrt").find(text_[at_]) != std::string_view::npos) {
      return ++at_, true;
    }
    if (at_ < text_.size()) at_ = backslash;
    return refuse("a wrong escape");
  }

  // From the u on.
  bool hexadecimal(unsigned& unit) {
    std::string_view digits = text_.substr(at_ + 1, 4);
    auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), unit, 16);
    if (digits.size() != 4 || error != std::errc{} || end != digits.data() + 4) return false;
    at_ += 5;
    return true;
  }

  bool number() {
    std::size_t begin = at_;
    if (at('-')) ++at_;
    if (at('0')) {
      ++at_;
    } else if (!digits()) {
      at_ = begin;
      return refuse("no JSON value");
    }
    if (at('.')) {
      ++at_;
      if (!digits()) return refuse("no digit behind a point");
    }
    if (at('e') || at('E')) {
      ++at_;
      if (at('+') || at('-')) ++at_;
      if (!digits()) return refuse("no digit in an exponent");
    }
    if (is_too_large(text_.substr(begin, at_ - begin))) {
      at_ = begin;
      return refuse("a number that is not finite");
    }
    return true;
  }

  bool digits() {
    std::size_t begin = at_;
    while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
    return at_ > begin;
  }

  const std::string_view text_;
  std::size_t at_ = 0;
  std::string problem_;
};

void append_utf8(std::uint32_t code, std::string& out) {
  auto put = [&](std::uint32_t byte) { out += static_cast<char>(byte); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | code >> 6);
    put(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    put(0xE0 | code >> 12);
    put(0x80 | (code >> 6 & 0x3F));
    put(0x80 | (code & 0x3F));
  } else {
    put(0xF0 | code >> 18);
    put(0x80 | (code >> 12 & 0x3F));
    put(0x80 | (code >> 6 & 0x3F));
    put(0x80 | (code & 0x3F));
  }
}

std::uint32_t unit_at(std::string_view text, std::size_t at) {
  std::uint32_t unit = 0;
  std::from_chars(text.data() + at, text.data() + at + 4, unit, 16);
  return unit;
}

}  // namespace

std::string scan_object(std::string_view text, std::vector<JsonMember>& members) {
  return Scanner(text).object(members);
}

std::string_view unquoted(std::string_view quoted, std::string& memory) {
  std::string_view text = quoted.substr(1, quoted.size() - 2);
  if (text.find('\\') == std::string_view::npos) return text;
  std::size_t begin = memory.size();
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      memory += text[i];
      continue;
    }
    switch (char c = text[++i]) {
      case 'b': memory += '\b'; break;
      case 'f': memory += '\f'; break;
      case 'n': memory += '\n'; break;
      case 'r': memory += '\r'; break;
      case 't': memory += '\t'; break;
      case 'u': {
        std::uint32_t code = unit_at(text, i + 1);
        i += 4;
        if (code >= 0xD800 && code <= 0xDBFF) {
          code = 0x10000 + ((code - 0xD800) << 10) + (unit_at(text, i + 3) - 0xDC00);
          i += 6;
        }
        append_utf8(code, memory);
        break;
      }
      default: memory += c;
    }
  }
  return std::string_view(memory).substr(begin);
}

bool append_quoted(std::string_view text, std::string& out) {
  std::size_t begin = out.size();
  out += '"';
  while (!text.empty()) {
    auto c = static_cast<unsigned char>(text[0]);
    std::size_t length = c < 0x80 ? 1 : utf8_length(text);
    if (length == 0) {
      out.resize(begin);
      return false;
    }
    constexpr std::string_view special = "\"\\\b\f\n\r\t", names = "\"\\bfnrt";
    if (std::size_t at = special.find(text[0]); at != std::string_view::npos) {
      out += '\\';
      out += names[at];
    } else if (c < 0x20) {
      constexpr char digits[] = "0123456789abcdef";
      out += "\\u00";
      out += digits[c >> 4];
      out += digits[c & 15];
    } else {
      out.append(text.substr(0, length));
    }
    text.remove_prefix(length);
  }
  out += '"';
  return true;
}

}  // namespace eventbus::redis_streams
