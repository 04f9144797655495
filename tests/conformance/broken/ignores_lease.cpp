// Takes over what others hold, however recently they renewed it.
#include "decorated.hpp"

namespace eventbus::broken {

class IgnoresLease final : public Decorated {
 public:
  using Decorated::Decorated;
  ClaimResult claim(milliseconds, std::size_t max, Cursor from) override {
    return honest().claim(milliseconds(0), max, from);
  }
};

}  // namespace eventbus::broken

EVENTBUS_BROKEN_PLUGIN(eventbus::broken::IgnoresLease, "ignores-lease")
