// An event: what happened, to which aggregate, when, and the payload that tells the rest.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <typeinfo>
#include <utility>
#include <vector>

#include <eventbus/position.hpp>

namespace eventbus {

// Names of well-known headers. `eventbus-` is reserved for the bus itself.
namespace header {
inline constexpr std::string_view tenant_id = "tenant_id";
inline constexpr std::string_view actor_id = "actor_id";
inline constexpr std::string_view correlation_id = "correlation_id";
inline constexpr std::string_view causation_id = "causation_id";
inline constexpr std::string_view event_version = "event_version";
inline constexpr std::string_view traceparent = "traceparent";
inline constexpr std::string_view tracestate = "tracestate";
inline constexpr std::string_view content_type = "content_type";
inline constexpr std::string_view reserved_prefix = "eventbus-";
}  // namespace header

// A small ordered map of text. Order is that of first insertion and crosses every backend. Names are not empty, hold no
// `=` and no control characters, and do not begin with `eventbus-`; EventBus::publish refuses others.
class Headers {
 public:
  using Entry = std::pair<std::string, std::string>;

  Headers() = default;
  Headers(std::initializer_list<Entry> entries) {
    for (const Entry& entry : entries) set(entry.first, entry.second);
  }

  // Replaces the value in place where the name exists, else appends.
  void set(std::string_view name, std::string_view value) {
    if (Entry* entry = find(name)) {
      entry->second.assign(value);
    } else {
      entries_.emplace_back(name, value);
    }
  }

  // The view lives until this map changes.
  std::optional<std::string_view> get(std::string_view name) const noexcept {
    for (const Entry& entry : entries_) {
      if (entry.first == name) return entry.second;
    }
    return std::nullopt;
  }

  bool contains(std::string_view name) const noexcept { return get(name).has_value(); }

  bool erase(std::string_view name) {
    return std::erase_if(entries_, [&](const Entry& entry) { return entry.first == name; }) > 0;
  }

  void clear() noexcept { entries_.clear(); }
  std::size_t size() const noexcept { return entries_.size(); }
  bool empty() const noexcept { return entries_.empty(); }
  auto begin() const noexcept { return entries_.begin(); }
  auto end() const noexcept { return entries_.end(); }

  friend bool operator==(const Headers&, const Headers&) = default;

 private:
  Entry* find(std::string_view name) noexcept {
    for (Entry& entry : entries_) {
      if (entry.first == name) return &entry;
    }
    return nullptr;
  }

  std::vector<Entry> entries_;
};

// A payload that is an object of the application and can be turned into bytes. It stays an object as long as it stays
// in the process: a handler on the same process' in-memory backend gets the published object itself. Threads: both
// calls may come from any thread at once.
class PayloadObject {
 public:
  virtual ~PayloadObject() = default;

  // The object, if it is exactly of `type`, else null.
  virtual const void* get(const std::type_info& type) const noexcept = 0;

  // Encodes at the first call and only then; the view lives as long as this object. Throws Error (invalid_argument) if
  // the object can't be encoded.
  virtual std::string_view bytes() const = 0;
};

namespace detail {

// What was decoded from a payload's bytes, by type, kept so that the handlers of one event decode it once. A copy
// starts empty. Threads: find and keep may come from any thread at once.
class DecodedSlot {
 public:
  DecodedSlot() = default;
  DecodedSlot(const DecodedSlot&) noexcept {}
  DecodedSlot(DecodedSlot&& other) noexcept : first_(other.release()) {}
  DecodedSlot& operator=(const DecodedSlot& other) noexcept {
    if (this != &other) clear();
    return *this;
  }
  DecodedSlot& operator=(DecodedSlot&& other) noexcept {
    if (this != &other) {
      clear();
      first_.store(other.release(), std::memory_order_relaxed);
    }
    return *this;
  }
  ~DecodedSlot() { clear(); }

  // `decoder`: which of several ways to decode the same type; null if there is no such object.
  std::shared_ptr<const void> find(const std::type_info& type, std::uint64_t decoder) const noexcept {
    for (const Node* node = first_.load(std::memory_order_acquire); node; node = node->next) {
      if (*node->type == type && node->decoder == decoder) return node->object;
    }
    return nullptr;
  }

  void keep(const std::type_info& type, std::uint64_t decoder, std::shared_ptr<const void> object) {
    Node* node = new Node{&type, decoder, std::move(object), first_.load(std::memory_order_relaxed)};
    while (!first_.compare_exchange_weak(node->next, node, std::memory_order_acq_rel)) {
    }
  }

  // Alone, as moving and destroying.
  void clear() noexcept {
    for (Node* node = release(); node;) delete std::exchange(node, node->next);
  }

 private:
  struct Node {
    const std::type_info* type;
    std::uint64_t decoder;
    std::shared_ptr<const void> object;
    Node* next;
  };
  Node* release() noexcept {
    Node* first = first_.load(std::memory_order_acquire);
    if (first) first_.store(nullptr, std::memory_order_relaxed);
    return first;
  }
  std::atomic<Node*> first_{nullptr};
};

}  // namespace detail

// Bytes (JSON by convention, but any bytes cross untouched), or an object with its encoder.
class Payload {
 public:
  Payload() = default;
  Payload(std::string bytes) noexcept : bytes_(std::move(bytes)) {}  // NOLINT(google-explicit-constructor)
  Payload(std::string_view bytes) : bytes_(bytes) {}                 // NOLINT(google-explicit-constructor)
  Payload(const char* bytes) : bytes_(bytes) {}                      // NOLINT(google-explicit-constructor)
  explicit Payload(std::shared_ptr<const PayloadObject> object) noexcept : object_(std::move(object)) {}

  // The view lives until this payload changes. May encode, so may throw what the encoder throws.
  std::string_view bytes() const { return object_ ? object_->bytes() : std::string_view(bytes_); }

  // The object that was published, if it is still one and is exactly a T; else null.
  template <class T>
  const T* as() const noexcept {
    return object_ ? static_cast<const T*>(object_->get(typeid(T))) : nullptr;
  }

  const std::shared_ptr<const PayloadObject>& object() const noexcept { return object_; }

  // Keeps the memory of earlier bytes for the new ones.
  void assign(std::string_view bytes) {
    object_.reset();
    decoded_.clear();
    bytes_.assign(bytes);
  }

  // The object that `decode` makes of these bytes: made at the first call for this T and `decoder`, then shared. Two
  // first calls at once may both decode. What `decode` throws passes, and nothing is kept.
  template <class T, class Decode>
  std::shared_ptr<const T> decoded(std::uint64_t decoder, Decode&& decode) const {
    if (auto known = decoded_.find(typeid(T), decoder)) return std::static_pointer_cast<const T>(std::move(known));
    std::shared_ptr<const T> object = std::make_shared<const T>(decode(bytes()));
    decoded_.keep(typeid(T), decoder, object);
    return object;
  }

  friend bool operator==(const Payload& a, const Payload& b) { return a.bytes() == b.bytes(); }

 private:
  std::string bytes_;
  std::shared_ptr<const PayloadObject> object_;
  mutable detail::DecodedSlot decoded_;
};

// Only `type` must be set: publish fills in an empty `id` and an `occurred_at` of zero.
struct Event {
  std::string id{};            // globally unique; UUIDv7 text if left empty
  std::string type{};          // what handlers subscribe to, matched exactly
  std::string aggregate_id{};  // the ordering key: events of one aggregate run one after another; may be empty
  std::string aggregate_type{};
  std::int64_t aggregate_version = 0;
  Timestamp occurred_at{};
  Headers headers{};
  Payload payload{};

  friend bool operator==(const Event&, const Event&) = default;
};

}  // namespace eventbus
