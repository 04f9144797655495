// What stands for one process: an engine, its workers, and what its handlers did. It may crash and begin anew.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <eventbus/testing/test_bus.hpp>

#include "engine/engine.hpp"
#include "fiber.hpp"

namespace eventbus::testing {

class Process final : public host::HandlerWatch {
 public:
  // `config` names broker and consumer.
  Process(BusConfig config, TestOptions options, std::shared_ptr<VirtualClock> clock);
  ~Process();

  void begin();
  void crash() noexcept;
  void unwind() noexcept;             // every handler that is suspended
  EventBus& reader() const noexcept;  // to look at the stream, also after a crash
  bool crashed() const noexcept { return crashed_; }

  bool paused = false;
  bool runs() const noexcept { return !crashed_ && !paused; }

  host::DrivenBus& driven() const noexcept { return *driven_; }
  const std::vector<Handled>& handled() const noexcept { return handled_; }

  // One turn of the consumer, or of a worker. False: there was nothing to do.
  bool take_in();
  bool run_one();

  // Under a scheduler: the workers that may go on, of those without work one at most.
  std::vector<std::size_t> ready_workers() const;
  bool run_worker(std::size_t worker);
  // Waits for workers that run on by themselves because their handlers block: none, until one came back, or in vain.
  enum class Blocked { none, came_back, for_good };
  Blocked wait_for_blocked();

  void begins(const Event& event, const Delivery& delivery, const std::string& handler) override;
  void ended(const Event& event, const Delivery& delivery, const std::string& handler,
             const std::optional<Outcome>& outcome, std::string_view why) override;

 private:
  std::unique_ptr<Backend> decorate(std::unique_ptr<Backend> inside, const BackendSettings& settings) const;
  void note(const std::string& what, const Event& event, const Delivery& delivery, const std::string& handler);
  std::uint64_t seed() const;
  bool end_if_crashed(bool did);

  const BusConfig config_;
  const TestOptions options_;
  const std::shared_ptr<VirtualClock> clock_;
  std::unique_ptr<host::DrivenBus> onlooker_;  // from the first crash on: keeps the broker, and sees what is there
  std::unique_ptr<host::DrivenBus> driven_;
  std::vector<std::unique_ptr<Fiber>> workers_;
  std::mutex handled_mutex_;  // guards handled_ while handlers that blocked run side by side
  std::vector<Handled> handled_;
  std::uint64_t lives_ = 0;
  bool crashed_ = false;
};

}  // namespace eventbus::testing
