// Whether what came of the storm is what the bus promises.
#pragma once

#include <iosfwd>

#include "storm.hpp"

namespace eventbus::chaos {

// Prints one line a broken promise, and one that sums up. True if every promise was kept.
bool judge(const Plan& plan, const Aftermath& after, std::ostream& out);

}  // namespace eventbus::chaos
