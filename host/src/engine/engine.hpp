// The engine: the one implementation of EventBus, over any Backend.
#pragma once

#include <functional>
#include <memory>

#include <eventbus/backend.hpp>
#include <eventbus/config.hpp>
#include <eventbus/event_bus.hpp>

namespace eventbus::host {

class Logger;

using BackendFactory = std::function<std::unique_ptr<Backend>(const BackendSettings&, BackendHost&)>;

// Creates the backend and a bus over it; connects nothing. `config` was validated. Throws what the factory throws.
std::unique_ptr<EventBus> make_bus(const BusConfig& config, const BackendSettings& settings,
                                   const BackendFactory& create_backend, std::shared_ptr<Logger> logger);

}  // namespace eventbus::host
