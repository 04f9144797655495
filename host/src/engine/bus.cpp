// The bus that applications hold: owns the core's life, and nothing else.
#include <map>
#include <utility>

#include "engine/core.hpp"

namespace eventbus::host {
namespace {

class DeadLetterCollector final : public DeadLetterStore::Sink {
 public:
  explicit DeadLetterCollector(std::vector<DeadLetter>& entries) : entries_(entries) {}
  void entry(const DeadLetter& entry) override { entries_.push_back(entry); }

 private:
  std::vector<DeadLetter>& entries_;
};

class HistoryCollector final : public DeliverySink {
 public:
  explicit HistoryCollector(std::vector<HistoryEntry>& entries) : entries_(entries) {}
  void delivered(std::span<const DeliveryView> batch) override {
    for (const DeliveryView& view : batch) {
      HistoryEntry& entry = entries_.emplace_back();
      entry.position = view.token.position;
      entry.undecodable = view.undecodable;
      if (view.shared) {
        entry.event = *view.shared;
      } else {
        assign(entry.event, view.event);
      }
    }
  }

 private:
  std::vector<HistoryEntry>& entries_;
};

// Held by handlers, which the core holds: so it does not hold the core.
class BusIdempotency final : public IdempotencyStore {
 public:
  explicit BusIdempotency(const std::shared_ptr<Core>& core) : core_(core) {}
  Claim begin(std::string_view key, std::string_view owner, milliseconds lease) override {
    return with_store([&](IdempotencyStore& store) { return store.begin(key, owner, lease); });
  }
  void finish(std::string_view key, milliseconds window) override {
    with_store([&](IdempotencyStore& store) { store.finish(key, window); });
  }
  void cancel(std::string_view key, std::string_view owner) override {
    with_store([&](IdempotencyStore& store) { store.cancel(key, owner); });
  }

 private:
  template <class Call>
  auto with_store(Call&& call) -> decltype(call(std::declval<IdempotencyStore&>())) {
    const auto core = core_.lock();
    if (!core) {
      throw Error(ErrorCode::closed, "idempotency_store: cannot use it: its bus is gone; keep the bus as long");
    }
    return core->with_backend("idempotency_store", [&] { return call(core->idempotency_store()); });
  }

  const std::weak_ptr<Core> core_;
};

class Bus final : public EventBus {
 public:
  explicit Bus(std::shared_ptr<Core> core) : core_(std::move(core)) {}
  ~Bus() override { core_->shut_down(); }

  void connect() override { core_->connect(); }
  void disconnect() noexcept override { core_->disconnect(); }
  bool is_connected() const noexcept override { return core_->is_connected(); }
  Position publish(Event event) override { return core_->publish(std::move(event)); }
  std::vector<PublishResult> publish_all(std::vector<Event> events) override {
    return core_->publish_all(std::move(events));
  }
  void publish_background(Event event) override { core_->publish_background(std::move(event)); }
  bool flush(std::chrono::milliseconds timeout) override { return core_->flush(timeout); }
  Subscription subscribe(std::span<const std::string> types, Handler handler) override {
    return core_->subscribe(types, std::move(handler));
  }
  std::size_t subscriber_count() const override { return core_->registry().count(); }
  std::size_t subscriber_count(std::string_view type) const override { return core_->registry().count(type); }
  std::size_t wildcard_subscriber_count() const override { return core_->registry().wildcard_count(); }
  void start_consuming() override { core_->start_consuming(); }
  DrainReport stop_consuming(std::optional<std::chrono::milliseconds> timeout) override {
    return core_->stop_consuming(timeout);
  }
  bool is_consuming() const noexcept override { return core_->is_consuming(); }
  Stats stats() const override { return core_->stats(); }
  Health health() const override { return core_->health(); }
  Capabilities capabilities() const override { return core_->capabilities(); }
  StreamInfo stream_info() const override { return core_->stream_info(); }

  RecoveryReport recover(const RecoveryOptions& options) override { return core_->recover(options); }

  DeadLetterPage dead_letters(const DeadLetterQuery& query) override {
    DeadLetterPage page;
    DeadLetterCollector collector(page.entries);
    page.next = core_->with_backend("dead_letters", [&] { return core_->dead_letter_store().list(query, collector); });
    return page;
  }
  std::optional<DeadLetter> dead_letter(Position position) override {
    DeadLetterQuery query;
    query.after = position.previous();
    query.limit = 1;
    DeadLetterPage page = dead_letters(query);
    if (page.entries.empty() || page.entries.front().position != position) return std::nullopt;
    return std::move(page.entries.front());
  }
  std::optional<Position> replay_dead_letter(Position position, std::string_view only_group) override {
    core_->refuse_if_read_only("replay_dead_letter");
    return core_->with_backend("replay_dead_letter",
                               [&] { return core_->dead_letter_store().replay(position, only_group); });
  }
  std::uint64_t purge_dead_letters(const PurgeQuery& query) override {
    core_->refuse_if_read_only("purge_dead_letters");
    return core_->with_backend("purge_dead_letters", [&] { return core_->dead_letter_store().purge(query); });
  }
  std::uint64_t import_dead_letters(std::span<const DeadLetter> entries) override {
    core_->refuse_if_read_only("import_dead_letters");
    return core_->with_backend("import_dead_letters", [&] { return core_->dead_letter_store().add(entries); });
  }
  HistoryPage history(const HistoryQuery& query) override {
    HistoryPage page;
    HistoryCollector collector(page.entries);
    page.next = core_->with_backend("history", [&] { return core_->history().read(query, collector); });
    return page;
  }
  std::shared_ptr<IdempotencyStore> idempotency_store() override {
    core_->refuse_if_read_only("idempotency_store");
    static_cast<void>(core_->idempotency_store());
    return std::make_shared<BusIdempotency>(core_);
  }
  void set_error_hook(ErrorHook hook) override { core_->set_error_hook(std::move(hook)); }
  void set_tracer(std::shared_ptr<Tracer> tracer) override { core_->set_tracer(std::move(tracer)); }

  const std::string& stream_name() const noexcept override { return core_->settings().stream; }
  const std::string& dead_letter_stream_name() const noexcept override { return core_->settings().dead_letter_stream; }
  const std::string& group() const noexcept override { return core_->settings().group; }
  const std::string& consumer() const noexcept override { return core_->settings().consumer; }

 private:
  const std::shared_ptr<Core> core_;
};

class Driven final : public DrivenBus {
 public:
  explicit Driven(const std::shared_ptr<Core>& core) : core_(core), bus_(core) {}

  EventBus& bus() noexcept override { return bus_; }
  bool take_in() override { return core_->take_in_driven(); }
  bool run_one(std::size_t worker) override { return core_->run_one(readers_[worker]); }
  std::size_t runnable() const override { return core_->runnable(); }
  std::optional<SteadyTime> next_timer() const override { return core_->next_timer(); }
  std::optional<SteadyTime> next_due() const override { return core_->next_due(); }
  void crash() noexcept override { core_->crash(); }

 private:
  const std::shared_ptr<Core> core_;
  std::map<std::size_t, Registry::Reader> readers_;  // by worker
  Bus bus_;
};

}  // namespace

std::unique_ptr<EventBus> make_bus(const BusConfig& config, const BackendSettings& settings,
                                   const BackendFactory& create_backend, std::shared_ptr<Logger> logger) {
  return std::make_unique<Bus>(std::make_shared<Core>(config, settings, create_backend, std::move(logger)));
}

std::unique_ptr<DrivenBus> make_driven_bus(const BusConfig& config, const BackendSettings& settings,
                                           const BackendFactory& create_backend, std::shared_ptr<Logger> logger,
                                           const Driver& driver) {
  return std::make_unique<Driven>(std::make_shared<Core>(config, settings, create_backend, std::move(logger), driver));
}

}  // namespace eventbus::host
