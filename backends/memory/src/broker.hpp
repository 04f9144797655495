// What in-memory buses of one process share by name.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include <eventbus/idempotency.hpp>

#include "dead_letters.hpp"
#include "stream.hpp"

namespace eventbus::memory {

// Lives while a backend holds it. Threads: any.
class Broker {
 public:
  static std::shared_ptr<Broker> get(const std::string& name);

  std::shared_ptr<Stream> stream(const std::string& name);
  std::shared_ptr<DeadLetters> dead_letters(const std::string& name);
  std::shared_ptr<detail::RememberedKeys> keys(const std::string& name);

 private:
  std::mutex mutex_;  // guards the maps
  std::unordered_map<std::string, std::shared_ptr<Stream>> streams_;
  std::unordered_map<std::string, std::shared_ptr<DeadLetters>> dead_letters_;
  std::unordered_map<std::string, std::shared_ptr<detail::RememberedKeys>> keys_;
};

}  // namespace eventbus::memory
