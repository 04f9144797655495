// Declares what memory cannot keep.
#include "decorated.hpp"

namespace eventbus::broken {

class ClaimsDurability final : public Decorated {
 public:
  using Decorated::Decorated;
  Capabilities capabilities() const override {
    Capabilities declared = Decorated::capabilities();
    declared.durable = true;
    return declared;
  }
};

}  // namespace eventbus::broken

EVENTBUS_BROKEN_PLUGIN(eventbus::broken::ClaimsDurability, "claims-durability")
