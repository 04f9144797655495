// Warns where a handler took longer than it should.
#pragma once

#include <chrono>
#include <cstdio>
#include <string>

#include <eventbus/handler.hpp>

namespace shop {

inline eventbus::Handler warn_if_slow(eventbus::Handler handler, std::chrono::milliseconds limit) {
  const std::string name = handler.name();
  return {name,
          [handler = std::move(handler), limit](const eventbus::Event& event, const eventbus::Delivery& delivery) {
            const auto begin = std::chrono::steady_clock::now();
            eventbus::Outcome outcome = handler(event, delivery);
            const auto took =
                std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin);
            if (took > limit) {
              std::fprintf(stderr, "service: handler '%s' took %d ms for %s of %s, more than %d ms\n",
                           handler.name().c_str(), int(took.count()), event.type.c_str(), event.aggregate_id.c_str(),
                           int(limit.count()));
            }
            return outcome;
          }};
}

}  // namespace shop
