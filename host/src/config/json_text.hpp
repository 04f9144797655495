// JSON text to a tree, with errors for people.
#pragma once

#include <string>
#include <string_view>

#include "config/values.hpp"

namespace eventbus::host {

// Comments are allowed; a key that is given twice is refused. `origin` names the text in errors, which show none of it.
Json parse_json_text(std::string_view text, const std::string& origin);

}  // namespace eventbus::host
