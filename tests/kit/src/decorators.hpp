// What a TestBus may put around its backend.
#pragma once

#include <memory>

#include <eventbus/backend.hpp>

namespace eventbus::testing {

// Encodes what is published, and hands out only what was decoded from it: no object of the publisher reaches a handler.
std::unique_ptr<Backend> with_round_trip(std::unique_ptr<Backend> inside);

// Interleaves before and after what handlers call.
std::unique_ptr<Backend> with_interleaving(std::unique_ptr<Backend> inside);

}  // namespace eventbus::testing
