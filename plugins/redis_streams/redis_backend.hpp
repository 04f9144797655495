// The Redis Streams backend: the driver over two connections, one that blocks in reads and one for everything else.
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <eventbus/backend.hpp>
#include <mutex>
#include <string>
#include <unordered_map>

#include "connection.hpp"
#include "entries.hpp"

namespace eventbus::redis_streams {

inline constexpr std::size_t chunk_tokens = 200;  // a script over more holds the server for too long

inline Position position_of(std::string_view id) { return parse_position(id).value_or(Position{}); }

// The lowest and the highest id.
template <class Tokens>
std::pair<std::string, std::string> bounds_of(const Tokens& tokens) {
  auto [low, high] = std::minmax_element(tokens.begin(), tokens.end(),
                                         [](const Token& a, const Token& b) { return a.position < b.position; });
  return {to_string(low->position), to_string(high->position)};
}

class RedisBackend final : public Backend,
                            public Inspection,
                            public DeadLetterStore,
                            public History,
                            public Retention,
                            public IdempotencyStore {
 public:
  RedisBackend(const BackendSettings& settings, BackendHost& host);
  ~RedisBackend() override;

  void open(Role role, const StartFrom& start) override;
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
  Inspection* inspection() noexcept override { return this; }
  DeadLetterStore* dead_letter_store() noexcept override { return this; }
  History* history() noexcept override { return this; }
  Retention* retention() noexcept override { return this; }
  IdempotencyStore* idempotency_store() noexcept override { return this; }

  StreamInfo stream_info() override;
  std::optional<Position> list(const DeadLetterQuery& query, Sink& sink) override;
  std::optional<Position> replay(Position position, std::string_view only_group) override;
  std::uint64_t purge(const PurgeQuery& query) override;
  std::uint64_t add(std::span<const DeadLetter> entries) override;
  std::optional<Position> read(const HistoryQuery& query, DeliverySink& sink) override;
  TrimReport trim(const TrimOptions& options) override;

  // Removes the group's other consumers that did nothing for so long, that no process is, and that have nothing
  // pending. Only while open as a consumer, on the receiving thread.
  void remove_gone_consumers(milliseconds idle);
  Claim begin(std::string_view key, std::string_view owner, milliseconds lease) override;
  void finish(std::string_view key, milliseconds window) override;
  void cancel(std::string_view key, std::string_view owner) override;

 private:
  struct Waiting;  // a publisher in the group commit

  enum class Holder { alive, gone, unknown };

  // A connection that blocks in reads, and what it takes to wake it.
  struct Reader {
    Connection connection;
    std::atomic<std::int64_t> id{0};
    std::atomic<bool> blocked{false};
    std::atomic<bool> woken{false};
    bool was_connected = false;

    void restore(BackendHost& host);
    void forget() noexcept;
    Reply finish(milliseconds block);
  };

  const std::string& address() const noexcept { return address_; }

  // Those named _locked, and ensure_command_connection, want command_mutex_ held.
  void ensure_command_connection();
  Reply command(const Request& request, const std::string& doing);
  Reply run_script(const char* script, std::span<const std::string> keys, std::span<const std::string> arguments,
                   const std::string& doing);
  Reply run_script_locked(const char* script, std::span<const std::string> keys, std::span<const std::string> arguments,
                          const std::string& doing);

  void write_all(std::span<Waiting* const> batch) noexcept;
  Error refusal(const EventView& event, const std::string& why) const;

  void ensure_group(const StartFrom& start);
  void write_mark();
  void tidy();
  void check_server();
  std::string marks_key() const { return settings_.stream_prefix + ":marks"; }

  void take_name();
  std::string keep_name();  // returns who else has it, or ""
  std::string keep_name_locked();
  Holder look_at(const std::string& holder);
  std::string name_key(std::string_view consumer) const;
  std::string once_key(std::string_view key) const;

  void watch(milliseconds wait);

  static void sort_settlements(std::span<const Settlement> settlements, std::vector<std::size_t>& plain,
                               std::vector<std::size_t>& guarded);
  void add_acknowledgement(std::span<const Settlement> settlements, std::span<const std::size_t> which,
                           Request& request) const;
  void settle_guarded(std::span<const Settlement> settlements, std::span<const std::size_t> which,
                      std::span<SettleResult> results);
  std::vector<std::size_t> settle_chunk(std::span<const Settlement> settlements, std::span<const std::size_t> chunk,
                                        std::span<SettleResult> results);

  const BackendSettings settings_;
  const WireFormat format_;
  BackendHost& host_;
  std::string address_;
  std::string nonce_;

  std::mutex command_mutex_;  // guards the six below
  Connection command_;
  Request publish_request_;
  Encoder encoder_;
  std::vector<std::string_view> fields_;
  std::unordered_map<const char*, std::string> script_ids_;
  bool command_was_connected_ = false;
  std::atomic<bool> has_name_{false};
  std::atomic<bool> told_future_ids_{false};
  bool group_seen_ = false;
  bool server_checked_ = false;
  std::chrono::steady_clock::time_point tidied_at_{};

  Reader reader_;  // of the receiving thread, as are the two below
  Request read_request_;
  EntryBatch batch_;
  Reader watcher_;  // of a receive that takes nothing

  std::mutex publish_mutex_;  // guards the two below
  std::condition_variable publish_cv_;
  std::deque<Waiting*> publishers_;
  bool publishing_ = false;
};

}  // namespace eventbus::redis_streams
