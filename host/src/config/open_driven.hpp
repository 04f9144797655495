// A bus that its driver runs, from a whole configuration.
#pragma once

#include <memory>

#include "engine/engine.hpp"

namespace eventbus::host {

// As open_bus, without threads and by the time of `clock`. Throws as open_bus does.
std::unique_ptr<DrivenBus> open_driven_bus(const BusConfig& config, std::shared_ptr<const Clock> clock);

}  // namespace eventbus::host
