// A backend that keeps its streams in the memory of this process: the smallest one that keeps the contract. It offers
// no dead letters, no history and no inspection, and says so.
#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>

#include <eventbus/plugin.hpp>

namespace {

using namespace eventbus;
using Clock = std::chrono::steady_clock;

// ---- What outlives a backend: in yours, the server or the file.

struct Pending {
  std::string consumer;
  std::uint32_t count = 1;  // deliveries
  Clock::time_point lease_end{};
};

struct Group {
  std::uint64_t delivered = 0;  // the last position handed out
  std::map<std::uint64_t, Pending> pending;
  std::map<std::string, const void*> holders;  // the backend that is live under a consumer's name
};

struct Stream {
  std::mutex mutex;  // guards all members
  std::condition_variable changed;
  std::vector<std::shared_ptr<const Event>> events;  // position 1 is the first
  std::vector<Timestamp> accepted;
  std::map<std::string, Group> groups;
};

// A stream lives while a backend has it open.
std::shared_ptr<Stream> stream_named(const std::string& name) {
  static std::mutex mutex;
  static std::map<std::string, std::weak_ptr<Stream>> streams;
  std::lock_guard lock(mutex);
  auto stream = streams[name].lock();
  if (!stream) streams[name] = stream = std::make_shared<Stream>();
  return stream;
}

// ---- The driver; eventbus/backend.hpp says what each call must do.

class MyBackend final : public Backend {
 public:
  MyBackend(const BackendSettings& settings, BackendHost& host) : settings_(settings) {
    host.log(LogLevel::debug, "my-backend: created with " + settings.config_json);
  }
  ~MyBackend() override { close(); }

  void open(Role role, const StartFrom& start) override {
    if (!stream_) stream_ = stream_named(settings_.stream);
    if (role != Role::consumer) return;
    std::lock_guard lock(stream_->mutex);
    auto [at, created] = stream_->groups.try_emplace(settings_.group);
    if (created) at->second.delivered = before(start);
    auto& holder = at->second.holders[settings_.consumer];
    if (holder && holder != this) {
      throw Error(ErrorCode::conflict, "my-backend: cannot consume '" + settings_.stream + "' as '" +
                                           settings_.consumer + "': another bus has that name; give each its own");
    }
    holder = this;
    group_ = &at->second;
  }

  void append_views(std::span<const EventView> events, std::span<AppendResult> results) override {
    std::lock_guard lock(stream("publish to").mutex);
    for (std::size_t i = 0; i < events.size(); ++i) {
      auto event = std::make_shared<Event>();
      assign(*event, events[i]);
      stream_->events.push_back(std::move(event));
      stream_->accepted.push_back(
          std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now()));
      results[i] = {AppendStatus::written, {stream_->events.size(), 0}, {}};
    }
    stream_->changed.notify_all();
  }

  void receive(std::size_t max, milliseconds wait, std::span<const Settlement> settlements,
               ReceiveSink& sink) override {
    if (!settlements.empty()) {
      std::vector<SettleResult> results(settlements.size());
      settle(settlements, results);
      sink.settled(results);
    }
    std::vector<DeliveryView> batch;
    {
      std::unique_lock lock(stream("receive from").mutex);
      if (wait.count() > 0) {
        stream_->changed.wait_for(lock, wait, [&] { return woken_ || group().delivered < stream_->events.size(); });
        woken_ = false;
      }
      while (batch.size() < max && group().delivered < stream_->events.size()) {
        const std::uint64_t position = ++group().delivered;
        batch.push_back(deliver(position, group().pending[position] = {settings_.consumer, 1, new_lease_end()}));
      }
    }
    if (!batch.empty()) sink.delivered(batch);
  }

  Cursor resume(std::size_t max, Cursor from, std::vector<Token>& tokens) override {
    std::lock_guard lock(stream("resume on").mutex);
    for (auto at = group().pending.lower_bound(from.high); at != group().pending.end(); ++at) {
      if (at->second.consumer != settings_.consumer) continue;
      if (tokens.size() == max) return {at->first, 0};
      tokens.push_back({{at->first, 0}, at->second.count});
    }
    return Position::first();
  }

  ClaimResult claim(milliseconds min_idle, std::size_t max, Cursor from) override {
    std::lock_guard lock(stream("claim on").mutex);
    ClaimResult result;
    const auto ended = Clock::now() + settings_.lease - min_idle;  // leases that end until then
    for (auto at = group().pending.lower_bound(from.high); at != group().pending.end(); ++at) {
      if (result.tokens.size() == max) {
        result.next = {at->first, 0};
        break;
      }
      ++result.checked;
      if (at->second.lease_end > ended) continue;
      at->second.consumer = settings_.consumer;
      at->second.lease_end = new_lease_end();
      result.tokens.push_back({{at->first, 0}, at->second.count});
    }
    return result;
  }

  void redeliver(std::span<const Token> tokens, bool count, std::span<HoldStatus> results,
                 DeliverySink& sink) override {
    std::vector<DeliveryView> batch;
    {
      std::lock_guard lock(stream("redeliver from").mutex);
      for (std::size_t i = 0; i < tokens.size(); ++i) {
        Pending* pending = mine(tokens[i]);
        results[i] = pending ? HoldStatus::mine : HoldStatus::not_mine;
        if (!pending) continue;
        if (count) ++pending->count;
        pending->lease_end = new_lease_end();
        batch.push_back(deliver(tokens[i].position.high, *pending));
      }
    }
    if (!batch.empty()) sink.delivered(batch);
  }

  void renew(std::span<const Token> tokens, std::span<HoldStatus> results) override {
    std::lock_guard lock(stream("renew on").mutex);
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      Pending* pending = mine(tokens[i]);
      results[i] = pending ? HoldStatus::mine : HoldStatus::not_mine;
      if (pending) pending->lease_end = new_lease_end();
    }
  }

  void settle(std::span<const Settlement> settlements, std::span<SettleResult> results) override {
    std::lock_guard lock(stream("settle on").mutex);
    for (std::size_t i = 0; i < settlements.size(); ++i) results[i] = settle_one(settlements[i]);
  }

  void wake() noexcept override {
    if (!stream_) return;
    std::lock_guard lock(stream_->mutex);
    woken_ = true;
    stream_->changed.notify_all();
  }

  void close() noexcept override {
    if (group_) {
      std::lock_guard lock(stream_->mutex);
      group_->holders.erase(settings_.consumer);
    }
    group_ = nullptr;
    stream_.reset();
    woken_ = false;
  }

  Capabilities capabilities() const override {
    Capabilities declared;
    declared.competing_consumers = true;
    declared.ordered = true;
    return declared;
  }

 private:
  Stream& stream(const char* to_do) const {
    if (stream_) return *stream_;
    throw Error(ErrorCode::closed, std::string("my-backend: cannot ") + to_do + " '" + settings_.stream +
                                       "': it is closed; open it first");
  }
  Group& group() const {
    if (group_) return *group_;
    throw Error(ErrorCode::closed,
                "my-backend: cannot consume '" + settings_.stream + "': open it as a consumer first");
  }

  // The last position that a group which begins at `start` does not want.
  std::uint64_t before(const StartFrom& start) const {
    const auto& accepted = stream_->accepted;
    switch (start.kind) {
      case StartFrom::Kind::earliest: return 0;
      case StartFrom::Kind::latest: return accepted.size();
      case StartFrom::Kind::position: return std::min<std::uint64_t>(start.position.high, accepted.size());
      case StartFrom::Kind::time: break;
    }
    const auto first = std::lower_bound(accepted.begin(), accepted.end(), start.time);
    return static_cast<std::uint64_t>(first - accepted.begin());
  }

  Clock::time_point new_lease_end() const { return Clock::now() + settings_.lease; }

  DeliveryView deliver(std::uint64_t position, const Pending& pending) const {
    DeliveryView delivery;
    delivery.token = {{position, 0}, pending.count};
    delivery.shared = stream_->events[position - 1];
    return delivery;
  }

  Pending* mine(const Token& token) const {
    const auto at = group().pending.find(token.position.high);
    const bool held =
        at != group().pending.end() && at->second.consumer == settings_.consumer && at->second.count == token.attempt;
    return held ? &at->second : nullptr;
  }

  SettleResult settle_one(const Settlement& settlement) const {
    const auto at = group().pending.find(settlement.token.position.high);
    if (at == group().pending.end()) return {SettleStatus::absent, false, {}};
    const bool done_with = settlement.action == SettleAction::ack || settlement.action == SettleAction::drop;
    if ((settlement.guarded || !done_with) && !mine(settlement.token)) return {SettleStatus::not_mine, false, {}};
    if (settlement.action == SettleAction::dead_letter) {
      return {SettleStatus::failed, false, "my-backend: keeps no dead letters; set enable_dlq to false"};
    }
    if (settlement.action == SettleAction::release) {
      at->second.count = settlement.release_count;
      at->second.lease_end = Clock::now() + settlement.release_delay;
    } else {
      group().pending.erase(at);
    }
    return {SettleStatus::done, false, {}};
  }

  const BackendSettings settings_;
  std::shared_ptr<Stream> stream_;  // null while closed
  Group* group_ = nullptr;          // null unless open as a consumer
  bool woken_ = false;              // guarded by the stream's mutex
};

}  // namespace

EVENTBUS_PLUGIN(MyBackend, {.name = "my-backend",
                            .version = "0.1.0",
                            .description = "keeps its streams in the memory of the process",
                            .license = "Apache-2.0"})
