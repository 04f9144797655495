// Reads through a null pointer when an event is large.
#include "decorated.hpp"

namespace eventbus::broken {

class Crashes final : public Decorated {
 public:
  using Decorated::Decorated;
  void append_views(std::span<const EventView> events, std::span<AppendResult> results) override {
    static volatile const int* volatile nowhere = nullptr;
    for (const EventView& event : events) {
      if (event.payload.size() > 100000 && *nowhere == 1) return;
    }
    Decorated::append_views(events, results);
  }
};

}  // namespace eventbus::broken

EVENTBUS_BROKEN_PLUGIN(eventbus::broken::Crashes, "crashes")
