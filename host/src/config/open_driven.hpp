// Buses out of a whole configuration, in ways that only tests want. Both throw as open_bus does.
#pragma once

#include <functional>
#include <memory>

#include "engine/engine.hpp"

namespace eventbus::host {

// What the engine gets instead of the backend; mostly the same backend with something around it.
using BackendDecorator =
    std::function<std::unique_ptr<Backend>(std::unique_ptr<Backend>, const BackendSettings&, BackendHost&)>;

std::unique_ptr<EventBus> open_decorated_bus(const BusConfig& config, const BackendDecorator& decorate);

// Without threads and by the driver's time.
std::unique_ptr<DrivenBus> open_driven_bus(const BusConfig& config, const Driver& driver,
                                           const BackendDecorator& decorate);

}  // namespace eventbus::host
