// Starts a thread that outlives the backend.
#include <unistd.h>

#include <thread>

#include "decorated.hpp"

namespace eventbus::broken {

class LeaksThread final : public Decorated {
 public:
  LeaksThread(const BackendSettings& settings, BackendHost& host) : Decorated(settings, host) {
    std::thread([] {
      for (;;) ::pause();
    }).detach();
  }
};

}  // namespace eventbus::broken

EVENTBUS_BROKEN_PLUGIN(eventbus::broken::LeaksThread, "leaks-thread")
