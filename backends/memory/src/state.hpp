// What one memory backend knows: its settings, and its place in what it shares with others.
#pragma once

#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include <eventbus/memory/memory_backend.hpp>

#include "broker.hpp"
#include "options.hpp"

namespace eventbus::memory {

inline constexpr std::size_t append_chunk = 16;

// Threads: calls named `..._locked` want stream->mutex held.
struct MemoryBackend::State {
  State(const BackendSettings& given, BackendHost& given_host)
      : settings(given), host(given_host), options(parse_options(given.config_json)) {}

  void attach();
  void take_name(const StartFrom& start);
  void detach() noexcept;

  // Throw `closed` where the backend is not open, or not open as a consumer.
  Stream& need_stream(std::string_view to_do) const;
  Group& need_group(std::string_view to_do) const;

  void append(std::span<Event> events, std::span<AppendResult> results);
  AppendResult append_locked(std::shared_ptr<Stored>& stored, Timestamp now);
  AppendResult full_locked() const;
  const void* skipped() const noexcept { return options.inline_dispatch ? this : nullptr; }

  void wait_locked(std::unique_lock<std::mutex>& lock, milliseconds wait, bool takes);
  void take_locked(std::size_t max, std::vector<DeliveryView>& batch);

  SettleResult settle_locked(const Settlement& settlement, SteadyTime now);
  void bury_locked(const Entry& entry, const Settlement& settlement);
  Pending* mine_locked(const Token& token);
  // Looks up what a token names; a pending entry that was trimmed away is forgotten.
  HoldStatus hold_locked(const Token& token, Pending*& pending, const Entry*& entry);

  const BackendSettings settings;
  BackendHost& host;
  const Options options;

  std::shared_ptr<Broker> broker;
  std::shared_ptr<Stream> stream;  // null while closed
  std::shared_ptr<DeadLetters> dead_letters;
  std::shared_ptr<detail::RememberedKeys> keys;
  Group* group = nullptr;  // null unless open as a consumer
  Consumer* me = nullptr;
  bool woken = false;  // guarded by stream->mutex

  // Memory that receives with a `max` above 0 use again; there is one at a time.
  std::vector<DeliveryView> batch;
  std::vector<SettleResult> settled;
};

class MemoryBackend::Facets final : public DeadLetterStore,
                                    public History,
                                    public Inspection,
                                    public Retention,
                                    public IdempotencyStore {
 public:
  explicit Facets(State& state) : state_(state) {}
  std::optional<Position> list(const DeadLetterQuery& query, Sink& sink) override;
  std::optional<Position> replay(Position position, std::string_view only_group) override;
  std::uint64_t purge(const PurgeQuery& query) override;
  std::uint64_t add(std::span<const DeadLetter> entries) override;
  std::optional<Position> read(const HistoryQuery& query, DeliverySink& sink) override;
  StreamInfo stream_info() override;
  TrimReport trim(const TrimOptions& options) override;
  Claim begin(std::string_view key, std::string_view owner, milliseconds lease) override;
  void finish(std::string_view key, milliseconds window) override;
  void cancel(std::string_view key, std::string_view owner) override;

 private:
  State& state_;
};

// The first sequence at `position` or after it.
inline std::uint64_t sequence_from(const Position& position) {
  if (position.low == 0 || position.high == UINT64_MAX) return position.high;
  return position.high + 1;
}

// The delivery shares the event, and so keeps everything that its views show.
inline DeliveryView delivery_of(const Entry& entry, std::uint64_t sequence, std::uint32_t count) {
  DeliveryView view;
  view.token = {{sequence, 0}, count};
  view.shared = {entry.stored, &entry.stored->event};
  view.only_group = entry.stored->only_group;
  return view;
}

}  // namespace eventbus::memory
