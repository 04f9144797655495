// The in-memory backend: streams shared by name inside one process, with the semantics of a durable broker.
//
// Brokers. Backends that name the same broker share its streams. It lives while one of them is open, and nothing in it
// outlives it. Two backends of one group share its events, two groups each get all of them, exactly as on a server.
// Groups. A group remembers what it handed out last, and what of that is pending: to whom, how often delivered, active
// when. A pending entry is claimed by others once it was released, or not renewed for the time the claimer names;
// leases are measured by the host's clock. A consumer's name belongs to one open backend; it is free again when that is
// closed or destroyed, and what it had pending stays pending. Bounds. At `max_events` the oldest event that every group
// settled makes room, of which groups there must be at least one; if there is no such event the new one is rejected
// with `backpressure`. With `history` off an event is dropped the moment the last group settles it. Where the buses of
// a stream differ in these, each goes by its own. Sharing. Deliveries share the published event: nothing is copied or
// encoded. Inline dispatch. A backend's own append does not end its own receive with `max` 0: its bus drains the group
// itself.
//
// Threads, Errors: as the driver says (eventbus/backend.hpp). No call blocks but a receive that waits.
// Lifetime: the host outlives the backend. Destroying it closes it.
#pragma once

#include <memory>
#include <string_view>

#include <eventbus/backend.hpp>

namespace eventbus::memory {

inline constexpr char config_schema_text[] = R"({
  "type": "object",
  "properties": {
    "broker": {"type": "string", "default": "default", "pattern": "^.+$",
               "description": "buses that name the same broker in one process share its streams"},
    "max_events": {"type": "integer", "minimum": 1, "default": 1000000,
                   "description": "events a stream keeps at most; the oldest that every group settled goes first"},
    "history": {"type": "boolean", "default": true,
                "description": "keep events that every group settled, so that they can be read again"},
    "dispatch": {"type": "string", "enum": ["background", "inline"], "default": "background",
                 "description": "inline: publish runs the handlers before it returns"}
  }
})";

// The schema of the section `backends.memory` of the configuration.
std::string_view config_schema() noexcept;

class MemoryBackend final : public Backend {
 public:
  // Throws Error (invalid_config) for a section that the schema does not allow.
  MemoryBackend(const BackendSettings& settings, BackendHost& host);
  ~MemoryBackend() override;

  void open(Role role, const StartFrom& start) override;
  void append(std::span<Event> events, std::span<AppendResult> results) override;
  void append_views(std::span<const EventView> events, std::span<AppendResult> results) override;
  void receive(std::size_t max, milliseconds wait, std::span<const Settlement> settlements, ReceiveSink& sink) override;
  Cursor resume(std::size_t max, Cursor from, std::vector<Token>& tokens) override;
  ClaimResult claim(milliseconds min_idle, std::size_t max, Cursor from) override;
  void redeliver(std::span<const Token> tokens, bool count, std::span<HoldStatus> results, DeliverySink& sink) override;
  void renew(std::span<const Token> tokens, std::span<HoldStatus> results) override;
  void settle(std::span<const Settlement> settlements, std::span<SettleResult> results) override;
  void wake() noexcept override;
  void close() noexcept override;
  Capabilities capabilities() const override;
  bool needs_bytes() const noexcept override { return false; }
  DeadLetterStore* dead_letter_store() noexcept override;
  History* history() noexcept override;
  Inspection* inspection() noexcept override;
  Retention* retention() noexcept override;
  IdempotencyStore* idempotency_store() noexcept override;

 private:
  class Facets;
  struct State;
  std::unique_ptr<State> state_;
  std::unique_ptr<Facets> facets_;
};

}  // namespace eventbus::memory
