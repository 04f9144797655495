// Event names to types, and from an older version of an event to the newest.
//
//   EventRegistry& registry = EventRegistry::process();
//   registry.add<OrderCreated, OrderShipped>();
//   registry.upcast<OrderCreated>(1, [](nlohmann::json old) { ...; return old; });  // from version 1 to 2
//
// Typed handlers need no registration of their type; they take the upcasters from the registry that they were given,
// the process-wide one by default.
#pragma once

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <typeinfo>
#include <utility>
#include <vector>

#include <eventbus/error.hpp>
#include <eventbus/event.hpp>
#include <eventbus/event_type.hpp>

namespace eventbus {

// An event's object of whatever registered type.
class DecodedEvent {
 public:
  DecodedEvent(std::string_view name, const std::type_info& type, std::shared_ptr<const void> object)
      : name_(name), type_(&type), object_(std::move(object)) {}

  std::string_view name() const noexcept { return name_; }
  const std::type_info& type() const noexcept { return *type_; }

  // Null if it is of another type.
  template <class T>
  const T* as() const noexcept {
    return *type_ == typeid(T) ? static_cast<const T*>(object_.get()) : nullptr;
  }

 private:
  std::string name_;
  const std::type_info* type_;
  std::shared_ptr<const void> object_;
};

// Threads: any. Lifetime: outlives the handlers that use it. Errors: Error; `conflict` for what is registered already,
// `invalid_argument` for an event that does not fit its type, `not_found` for an event of no registered type.
class EventRegistry {
 public:
  using Upcaster = std::function<nlohmann::json(nlohmann::json)>;

  struct Entry {
    std::string name;
    int version = 0;                 // of the registered type; 0: there are only upcasters
    std::vector<int> upcast_from{};  // ascending
  };

  EventRegistry() = default;
  EventRegistry(const EventRegistry&) = delete;
  EventRegistry& operator=(const EventRegistry&) = delete;

  // The one that is used where none is named.
  static EventRegistry& process() {
    static EventRegistry registry;
    return registry;
  }

  // Registers types under their names. If one is refused, those before it stay.
  template <EventType... Types>
  void add() {
    (add_type(event_type<Types>(), typeid(Types),
              [](const EventRegistry& self, const Event& event) {
                return DecodedEvent(event_name<Types>(), typeid(Types), self.decode<Types>(event));
              }),
     ...);
  }

  // What turns the payload of version `from` into that of `from` + 1. An event takes every step from its own version
  // to the type's.
  template <EventType T>
  void upcast(int from, Upcaster step) {
    upcast(event_name<T>(), from, std::move(step));
  }
  void upcast(std::string_view name, int from, Upcaster step);

  // Whether a type is registered under the name.
  bool contains(std::string_view name) const;
  std::vector<Entry> entries() const;  // by name

  // The event's object of its registered type.
  DecodedEvent decode(const Event& event) const;

  // The event's object: the published one where it is still one, else decoded once and shared by all who ask.
  template <EventType T>
  std::shared_ptr<const T> decode(const Event& event) const;

 private:
  using Decoder = DecodedEvent (*)(const EventRegistry&, const Event&);
  struct Known {
    const std::type_info* type = nullptr;
    int version = 0;
    Decoder decoder = nullptr;
    std::map<int, Upcaster> upcasters;
  };

  void add_type(const EventTypeInfo& info, const std::type_info& type, Decoder decoder);
  nlohmann::json upcasted(const Event& event, const EventTypeInfo& to, nlohmann::json payload) const;
  std::vector<Upcaster> steps(const EventTypeInfo& to, int from) const;
  static std::uint64_t next_id() noexcept {
    static std::atomic<std::uint64_t> last{0};
    return ++last;
  }

  const std::uint64_t id_ = next_id();  // two registries may decode one event differently
  mutable std::shared_mutex mutex_;     // guards known_
  std::map<std::string, Known, std::less<>> known_;
};

namespace detail {

[[noreturn]] inline void cannot_decode(std::string_view name, const std::string& cause) {
  throw Error(ErrorCode::invalid_argument, "typed: cannot decode event '" + std::string(name) + "': " + cause);
}

inline int version_of(const Event& event, std::string_view name) {
  const auto text = event.headers.get(header::event_version);
  if (!text) return 1;
  int version = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), version);
  if (error != std::errc{} || end != text->data() + text->size() || version < 1) {
    cannot_decode(name,
                  "its header event_version is '" + std::string(*text) + "'; a whole number from 1 on is allowed");
  }
  return version;
}

inline nlohmann::json parse_payload(std::string_view name, std::string_view bytes) {
  if (bytes.empty()) return nlohmann::json::object();  // as good as an object with no fields
  try {
    return nlohmann::json::parse(bytes);
  } catch (const nlohmann::json::exception& error) {
    cannot_decode(name, std::string("its payload is no JSON: ") + error.what());
  }
}

}  // namespace detail

inline void EventRegistry::add_type(const EventTypeInfo& info, const std::type_info& type, Decoder decoder) {
  std::lock_guard lock(mutex_);
  Known& known = known_[std::string(info.name)];
  if (known.type) {
    throw Error(ErrorCode::conflict, "event registry: cannot add '" + std::string(info.name) +
                                         "': the name is registered already; give the other type a name of its own "
                                         "with EVENTBUS_EVENT_NAMED");
  }
  known.type = &type;
  known.version = info.version;
  known.decoder = decoder;
}

inline void EventRegistry::upcast(std::string_view name, int from, Upcaster step) {
  const std::string which = "event registry: cannot add an upcaster of '" + std::string(name) + "' from version " +
                            std::to_string(from) + ": ";
  if (from < 1) throw Error(ErrorCode::invalid_argument, which + "versions begin with 1");
  if (!step) throw Error(ErrorCode::invalid_argument, which + "it is empty; give a callable");
  std::lock_guard lock(mutex_);
  if (!known_[std::string(name)].upcasters.emplace(from, std::move(step)).second) {
    throw Error(ErrorCode::conflict, which + "there is one already");
  }
}

inline bool EventRegistry::contains(std::string_view name) const {
  std::shared_lock lock(mutex_);
  const auto at = known_.find(name);
  return at != known_.end() && at->second.type;
}

inline std::vector<EventRegistry::Entry> EventRegistry::entries() const {
  std::shared_lock lock(mutex_);
  std::vector<Entry> entries;
  for (const auto& [name, known] : known_) {
    Entry& entry = entries.emplace_back(Entry{name, known.version});
    for (const auto& [from, step] : known.upcasters) entry.upcast_from.push_back(from);
  }
  return entries;
}

inline DecodedEvent EventRegistry::decode(const Event& event) const {
  Decoder decoder = nullptr;
  {
    std::shared_lock lock(mutex_);
    if (const auto at = known_.find(event.type); at != known_.end()) decoder = at->second.decoder;
  }
  if (!decoder) {
    throw Error(ErrorCode::not_found, "event registry: cannot decode event '" + event.type +
                                          "': no type is registered under that name; add its type");
  }
  return decoder(*this, event);
}

template <EventType T>
std::shared_ptr<const T> EventRegistry::decode(const Event& event) const {
  if (const T* object = event.payload.as<T>()) return {event.payload.object(), object};
  return event.payload.decoded<T>(id_, [&](std::string_view bytes) {
    constexpr EventTypeInfo info = event_type<T>();
    const nlohmann::json payload = upcasted(event, info, detail::parse_payload(info.name, bytes));
    T value{};
    try {
      detail::read(payload, value, {});
    } catch (const detail::Misfit& misfit) {
      detail::cannot_decode(info.name, misfit.what());
    }
    return value;
  });
}

// A version without a way to the type's own is refused: read as it is, a field that changed its meaning would pass.
inline nlohmann::json EventRegistry::upcasted(const Event& event, const EventTypeInfo& to,
                                              nlohmann::json payload) const {
  int version = detail::version_of(event, to.name);
  if (version == to.version) return payload;
  if (version > to.version) {
    detail::cannot_decode(to.name, "it is of version " + std::to_string(version) + ", and this program knows " +
                                       std::to_string(to.version) + "; deploy its consumers before its publishers");
  }
  for (const Upcaster& step : steps(to, version)) {
    try {
      payload = step(std::move(payload));
    } catch (const std::exception& error) {
      detail::cannot_decode(to.name,
                            "the upcaster from version " + std::to_string(version) + " failed: " + error.what());
    }
    ++version;
  }
  return payload;
}

inline std::vector<EventRegistry::Upcaster> EventRegistry::steps(const EventTypeInfo& to, int from) const {
  std::vector<Upcaster> steps;
  std::shared_lock lock(mutex_);
  const auto known = known_.find(to.name);
  for (int version = from; version < to.version; ++version) {
    if (known != known_.end()) {
      if (const auto step = known->second.upcasters.find(version); step != known->second.upcasters.end()) {
        steps.push_back(step->second);
        continue;
      }
    }
    detail::cannot_decode(to.name, "it is of version " + std::to_string(from) + ", and there is no upcaster from " +
                                       std::to_string(version) + " to " + std::to_string(version + 1) +
                                       "; add one with EventRegistry::upcast");
  }
  return steps;
}

}  // namespace eventbus
