#include "headers.hpp"

namespace eventbus::sqlite {
namespace {

void escape(std::string_view value, std::string& text) {
  for (char c : value) {
    if (c == '\\') {
      text += "\\\\";
    } else if (c == '\n') {
      text += "\\n";
    } else {
      text += c;
    }
  }
}

bool unescape(std::string_view value, std::string& memory) {
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (value[i] != '\\') {
      memory += value[i];
      continue;
    }
    if (++i == value.size() || (value[i] != '\\' && value[i] != 'n')) return false;
    memory += value[i] == 'n' ? '\n' : '\\';
  }
  return true;
}

}  // namespace

void encode_headers(std::span<const HeaderView> headers, std::string& text) {
  text.clear();
  for (const HeaderView& header : headers) {
    escape(header.name, text);
    text += '=';
    escape(header.value, text);
    text += '\n';
  }
}

bool decode_headers(std::string_view text, std::string& memory, std::vector<HeaderView>& headers) {
  headers.clear();
  memory.clear();
  memory.reserve(text.size());  // nothing grows, so the views stay where they are
  while (!text.empty()) {
    std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return false;
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    std::size_t middle = line.find('=');
    if (middle == std::string_view::npos) return false;
    std::size_t begin = memory.size();
    if (!unescape(line.substr(0, middle), memory)) return false;
    std::size_t name_end = memory.size();
    if (!unescape(line.substr(middle + 1), memory)) return false;
    std::string_view all = memory;
    headers.push_back({all.substr(begin, name_end - begin), all.substr(name_end)});
  }
  return true;
}

}  // namespace eventbus::sqlite
