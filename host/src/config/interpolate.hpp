// ${NAME} and ${NAME:-default} in the string values of the configuration; $${ stands for a plain ${.
#pragma once

#include "config/values.hpp"

namespace eventbus::host {

// Replaces them in every string below `value`. `lenient`: a string that names a variable that is not set stays as it
// is.
void interpolate(Json& value, const Place& place, bool lenient = false);

}  // namespace eventbus::host
