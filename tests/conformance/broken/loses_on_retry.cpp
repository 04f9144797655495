// Drops an event that is to be delivered again.
#include <algorithm>

#include "decorated.hpp"

namespace eventbus::broken {

class LosesOnRetry final : public Decorated {
 public:
  using Decorated::Decorated;
  void redeliver(std::span<const Token> tokens, bool, std::span<HoldStatus> results, DeliverySink&) override {
    acknowledge(tokens);
    std::fill(results.begin(), results.end(), HoldStatus::lost);
  }
};

}  // namespace eventbus::broken

EVENTBUS_BROKEN_PLUGIN(eventbus::broken::LosesOnRetry, "loses-on-retry")
