#include "broker.hpp"

namespace eventbus::memory {
namespace {

constexpr std::size_t max_remembered_keys = 1000000;

template <class T, class... Arguments>
std::shared_ptr<T> find_or_make(std::unordered_map<std::string, std::shared_ptr<T>>& all, const std::string& name,
                                Arguments... arguments) {
  std::shared_ptr<T>& one = all[name];
  if (!one) one = std::make_shared<T>(arguments...);
  return one;
}

}  // namespace

std::shared_ptr<Broker> Broker::get(const std::string& name) {
  static std::mutex mutex;
  static std::unordered_map<std::string, std::weak_ptr<Broker>> brokers;
  std::lock_guard lock(mutex);
  std::erase_if(brokers, [](const auto& item) { return item.second.expired(); });
  std::weak_ptr<Broker>& known = brokers[name];
  std::shared_ptr<Broker> broker = known.lock();
  if (!broker) known = broker = std::make_shared<Broker>();
  return broker;
}

std::shared_ptr<Stream> Broker::stream(const std::string& name) {
  std::lock_guard lock(mutex_);
  return find_or_make(streams_, name);
}

std::shared_ptr<DeadLetters> Broker::dead_letters(const std::string& name) {
  std::lock_guard lock(mutex_);
  return find_or_make(dead_letters_, name);
}

std::shared_ptr<detail::RememberedKeys> Broker::keys(const std::string& name) {
  std::lock_guard lock(mutex_);
  return find_or_make(keys_, name, max_remembered_keys);
}

}  // namespace eventbus::memory
