// Headers in one column: a line `name=value` each, with backslash and newline escaped, readable in the sqlite3 shell.
#pragma once

#include <eventbus/backend.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace eventbus::sqlite {

void encode_headers(std::span<const HeaderView> headers, std::string& text);

// The views show `memory`. False: the text holds no headers.
bool decode_headers(std::string_view text, std::string& memory, std::vector<HeaderView>& headers);

}  // namespace eventbus::sqlite
