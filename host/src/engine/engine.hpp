// The engine: the one implementation of EventBus, over any Backend.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <eventbus/backend.hpp>
#include <eventbus/config.hpp>
#include <eventbus/event_bus.hpp>

namespace eventbus::host {

class Logger;

using BackendFactory = std::function<std::unique_ptr<Backend>(const BackendSettings&, BackendHost&)>;

// Creates the backend and a bus over it; connects nothing. `config` was validated. Throws what the factory throws.
std::unique_ptr<EventBus> make_bus(const BusConfig& config, const BackendSettings& settings,
                                   const BackendFactory& create_backend, std::shared_ptr<Logger> logger);

// The time that a bus goes by. Threads: any.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual std::chrono::steady_clock::time_point now() const noexcept = 0;
  virtual Timestamp utc_now() const noexcept = 0;
};

// What a driven bus tells of its handlers, on the thread that runs them. What `begins` throws counts as thrown by the
// handler.
class HandlerWatch {
 public:
  virtual void begins(const Event& event, const Delivery& delivery, const std::string& handler) = 0;
  // `outcome`: nullopt if it was deferred; a throw is a retry. `why`: empty for an ack.
  virtual void ended(const Event& event, const Delivery& delivery, const std::string& handler,
                     const std::optional<Outcome>& outcome, std::string_view why) = 0;

 protected:
  ~HandlerWatch() = default;
};

// Who drives a bus. Clock and watch live longer than the bus.
struct Driver {
  std::shared_ptr<const Clock> clock;
  std::uint64_t seed = 0;  // of the bus's own chance: jitter, event ids
  HandlerWatch* watch = nullptr;
};

// A bus without threads of its own, for tests that decide what runs when. One thread at a time calls it and its bus;
// while one is inside of a handler others may.
class DrivenBus {
 public:
  virtual ~DrivenBus() = default;
  virtual EventBus& bus() noexcept = 0;
  // One turn of what the consumer thread does: settle, renew, claim, redeliver, receive. False: there was nothing to do
  // at this time.
  virtual bool take_in() = 0;
  // Runs the handlers of the next delivery that may run, on the calling thread. False: there is none. Whoever runs one
  // while another is inside of a handler is another `worker`.
  virtual bool run_one(std::size_t worker = 0) = 0;
  virtual std::size_t runnable() const = 0;
  // When a timer brings something to do; nullopt while not consuming.
  virtual std::optional<std::chrono::steady_clock::time_point> next_timer() const = 0;
  // When the next retry, delayed settlement or recovered delivery is due; nullopt if none waits.
  virtual std::optional<std::chrono::steady_clock::time_point> next_due() const = 0;
  // Ends at once, as a process that is killed: nothing is settled or released.
  virtual void crash() noexcept = 0;
};
std::unique_ptr<DrivenBus> make_driven_bus(const BusConfig& config, const BackendSettings& settings,
                                           const BackendFactory& create_backend, std::shared_ptr<Logger> logger,
                                           const Driver& driver);

}  // namespace eventbus::host
