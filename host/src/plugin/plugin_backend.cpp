#include "plugin/plugin_backend.hpp"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "plugin/crossing.hpp"

namespace eventbus::host {
namespace {

struct ReceiveContext {
  SinkGuard guard;
  ReceiveSink* receive = nullptr;
  DeliverySink* deliveries = nullptr;
  std::size_t expected = 0;  // results, one a settlement
  bool settled = false;

  // Every settlement needs its one result, or the engine would wait for it for ever.
  void check_settled() const {
    if (expected > 0 && !settled) throw Error(ErrorCode::internal, "plugin: gave no results for the settlements");
  }
};
std::int32_t on_settled(void* context, const eb_settle_result* const* results, std::size_t count) {
  auto& to = *static_cast<ReceiveContext*>(context);
  return to.guard.run([&] {
    if (to.settled || count != to.expected) {
      throw Error(ErrorCode::internal, "plugin: gave " + std::to_string(count) + " results for " +
                                           std::to_string(to.settled ? 0 : to.expected) + " settlements");
    }
    to.settled = true;
    to.receive->settled(results_from(results, count));
  });
}
std::int32_t on_deliveries(void* context, const eb_delivery* const* batch, std::size_t count) {
  auto& to = *static_cast<ReceiveContext*>(context);
  return to.guard.run([&] { deliver(batch, count, *to.deliveries); });
}

class PluginBackend final : public Backend,
                            public DeadLetterStore,
                            public History,
                            public Inspection,
                            public Retention,
                            public IdempotencyStore {
 public:
  PluginBackend(std::shared_ptr<void> keep_loaded, const std::string& name, const eb_functions& functions,
                const BackendSettings& settings, BackendHost& host)
      : keep_loaded_(std::move(keep_loaded)), f_(functions), host_(host) {
    eb_settings from{sizeof from,
                     text(settings.stream_prefix),
                     text(settings.stream),
                     text(settings.dead_letter_stream),
                     text(settings.group),
                     text(settings.consumer),
                     settings.lease.count(),
                     settings.block.count(),
                     settings.dead_letter_max_length,
                     text(settings.config_json)};
    callbacks_ = {sizeof callbacks_, this, log, signal};
    ErrorSlot slot;
    slot.check(f_.create(&from, &callbacks_, &handle_, slot.get()));
    try {
      find_facets(name);
    } catch (...) {
      f_.destroy(handle_);
      throw;
    }
  }
  ~PluginBackend() override { f_.destroy(handle_); }

  void open(Role role, const StartFrom& start) override {
    eb_start from{sizeof from, static_cast<std::int32_t>(start.kind), position(start.position), time(start.time)};
    ErrorSlot slot;
    slot.check(f_.open(handle_, static_cast<std::int32_t>(role), &from, slot.get()));
  }
  void close() noexcept override { f_.close(handle_); }
  void wake() noexcept override { f_.wake(handle_); }

  void append_views(std::span<const EventView> events, std::span<AppendResult> results) override {
    EventWriter writer;
    std::vector<eb_event> out;
    std::vector<const eb_event*> pointers;
    std::vector<eb_append_result> answers(events.size());
    std::vector<eb_append_result*> answer_pointers;
    ErrorSlots slots(events.size());
    out.reserve(events.size());
    for (const EventView& event : events) out.push_back(writer.write(event));
    for (std::size_t i = 0; i < events.size(); ++i) {
      pointers.push_back(&out[i]);
      answers[i] = {sizeof(eb_append_result), static_cast<std::int32_t>(AppendStatus::rejected), {}, slots.at(i)};
      answer_pointers.push_back(&answers[i]);
    }
    ErrorSlot slot;
    slot.check(f_.append(handle_, pointers.data(), pointers.size(), answer_pointers.data(), slot.get()));
    for (std::size_t i = 0; i < events.size(); ++i) {
      results[i].status = known(answers[i].status, AppendStatus::unknown, AppendStatus::unknown);
      results[i].position = position(answers[i].position);
      results[i].error.reset();
      if (results[i].status != AppendStatus::written) results[i].error = slots.error(i);
    }
  }

  void receive(std::size_t max, milliseconds wait, std::span<const Settlement> settlements,
               ReceiveSink& sink) override {
    CSettlements in(settlements);
    ReceiveContext context{{}, &sink, &sink, settlements.size()};
    ErrorSlot slot;
    std::int32_t status = f_.receive(handle_, max, wait.count(), in.pointers.data(), in.pointers.size(), on_settled,
                                     on_deliveries, &context, slot.get());
    context.guard.rethrow();
    slot.check(status);
    context.check_settled();
  }

  Cursor resume(std::size_t max, Cursor from, std::vector<Token>& tokens) override {
    eb_position next{};
    TokensContext context{{}, &tokens, nullptr};
    ErrorSlot slot;
    std::int32_t status = f_.resume(handle_, max, position(from), &next, on_tokens, &context, slot.get());
    context.guard.rethrow();
    slot.check(status);
    return position(next);
  }

  ClaimResult claim(milliseconds min_idle, std::size_t max, Cursor from) override {
    ClaimResult result;
    eb_position next{};
    TokensContext context{{}, &result.tokens, &result.lost};
    ErrorSlot slot;
    std::int32_t status = f_.claim(handle_, min_idle.count(), max, position(from), &next, &result.checked, on_tokens,
                                   on_positions, &context, slot.get());
    context.guard.rethrow();
    slot.check(status);
    result.next = position(next);
    return result;
  }

  void redeliver(std::span<const Token> tokens, bool count, std::span<HoldStatus> results,
                 DeliverySink& sink) override {
    auto in = c_tokens(tokens);
    std::vector<std::int32_t> statuses(tokens.size());
    ReceiveContext context{{}, nullptr, &sink};
    ErrorSlot slot;
    std::int32_t status =
        f_.redeliver(handle_, in.data(), in.size(), count, statuses.data(), on_deliveries, &context, slot.get());
    context.guard.rethrow();
    slot.check(status);
    copy_statuses(statuses, results);
  }

  void renew(std::span<const Token> tokens, std::span<HoldStatus> results) override {
    auto in = c_tokens(tokens);
    std::vector<std::int32_t> statuses(tokens.size());
    ErrorSlot slot;
    slot.check(f_.renew(handle_, in.data(), in.size(), statuses.data(), slot.get()));
    copy_statuses(statuses, results);
  }

  void settle(std::span<const Settlement> settlements, std::span<SettleResult> results) override {
    CSettlements in(settlements);
    struct Collector final : ReceiveSink {
      explicit Collector(std::span<SettleResult> out) : to(out) {}
      void settled(std::span<const SettleResult> got) override {
        std::copy_n(got.begin(), std::min(got.size(), to.size()), to.begin());
      }
      void delivered(std::span<const DeliveryView>) override {}
      std::span<SettleResult> to;
    } collector(results);
    ReceiveContext context{{}, &collector, nullptr, settlements.size()};
    ErrorSlot slot;
    std::int32_t status = f_.settle(handle_, in.pointers.data(), in.pointers.size(), on_settled, &context, slot.get());
    context.guard.rethrow();
    slot.check(status);
    context.check_settled();
  }

  Capabilities capabilities() const override {
    eb_capabilities has{};
    has.struct_size = sizeof has;
    ErrorSlot slot;
    slot.check(f_.capabilities(handle_, &has, slot.get()));
    Capabilities out;
    out.durable = has.durable;
    out.cross_process = has.cross_process;
    out.competing_consumers = has.competing_consumers;
    out.ordered = has.ordered;
    out.inline_dispatch = has.inline_dispatch;
    out.max_payload_bytes = has.max_payload_bytes;
    return out;
  }

  DeadLetterStore* dead_letter_store() noexcept override { return dead_letters_ ? this : nullptr; }
  History* history() noexcept override { return history_ ? this : nullptr; }
  Inspection* inspection() noexcept override { return inspection_ ? this : nullptr; }
  Retention* retention() noexcept override { return retention_ ? this : nullptr; }
  IdempotencyStore* idempotency_store() noexcept override { return idempotency_ ? this : nullptr; }

  std::optional<Position> list(const DeadLetterQuery& query, Sink& sink) override {
    struct Context {
      SinkGuard guard;
      Sink& sink;
    } context{{}, sink};
    std::int32_t more = 0;
    eb_position next{};
    ErrorSlot slot;
    std::int32_t status = dead_letters_->list(
        handle_, position(query.after), query.limit, text(query.type), text(query.group),
        [](void* given, const eb_dead_letter* entry) {
          auto& to = *static_cast<Context*>(given);
          return to.guard.run([&] { to.sink.entry(dead_letter_from(*entry)); });
        },
        &context, &more, &next, slot.get());
    context.guard.rethrow();
    slot.check(status);
    return more ? std::optional(position(next)) : std::nullopt;
  }
  std::optional<Position> replay(Position at, std::string_view only_group) override {
    std::int32_t found = 0;
    eb_position out{};
    ErrorSlot slot;
    slot.check(dead_letters_->replay(handle_, position(at), text(only_group), &found, &out, slot.get()));
    return found ? std::optional(position(out)) : std::nullopt;
  }
  std::uint64_t purge(const PurgeQuery& query) override {
    std::vector<eb_position> positions;
    for (Position one : query.positions) positions.push_back(position(one));
    std::uint64_t purged = 0;
    ErrorSlot slot;
    slot.check(dead_letters_->purge(handle_, positions.data(), positions.size(), query.older_than.has_value(),
                                    time(query.older_than.value_or(Timestamp{})), query.all, &purged, slot.get()));
    return purged;
  }
  std::uint64_t add(std::span<const DeadLetter> entries) override {
    EventWriter writer;
    std::vector<eb_dead_letter> letters;
    std::vector<const eb_dead_letter*> pointers;
    letters.reserve(entries.size());
    for (const DeadLetter& one : entries) letters.push_back(dead_letter_to(one, writer));
    for (const auto& one : letters) pointers.push_back(&one);
    std::uint64_t added = 0;
    ErrorSlot slot;
    slot.check(dead_letters_->add(handle_, pointers.data(), pointers.size(), &added, slot.get()));
    return added;
  }

  std::optional<Position> read(const HistoryQuery& query, DeliverySink& sink) override {
    constexpr std::int64_t none = std::numeric_limits<std::int64_t>::min();
    ReceiveContext context{{}, nullptr, &sink};
    std::int32_t more = 0;
    eb_position next{};
    ErrorSlot slot;
    std::int32_t status = history_->read(
        handle_, position(query.from), position(query.to), query.from_time ? time(*query.from_time) : none,
        query.to_time ? time(*query.to_time) : none, query.limit, on_deliveries, &context, &more, &next, slot.get());
    context.guard.rethrow();
    slot.check(status);
    return more ? std::optional(position(next)) : std::nullopt;
  }

  StreamInfo stream_info() override;

  TrimReport trim(const TrimOptions& options) override {
    TrimReport report;
    ErrorSlot slot;
    slot.check(retention_->trim(handle_, options.max_length, options.max_age.count(), options.hard_max_length,
                                &report.trimmed, &report.lost, slot.get()));
    return report;
  }

  Claim begin(std::string_view key, std::string_view owner, milliseconds lease) override {
    std::int32_t claim = 0;
    ErrorSlot slot;
    slot.check(idempotency_->begin(handle_, text(key), text(owner), lease.count(), &claim, slot.get()));
    return known(claim, Claim::done, Claim::busy);
  }
  void finish(std::string_view key, milliseconds window) override {
    ErrorSlot slot;
    slot.check(idempotency_->finish(handle_, text(key), window.count(), slot.get()));
  }
  void cancel(std::string_view key, std::string_view owner) override {
    ErrorSlot slot;
    slot.check(idempotency_->cancel(handle_, text(key), text(owner), slot.get()));
  }

 private:
  static void log(void* self, std::int32_t level, eb_text message) {
    auto known_level = std::clamp(level, 0, static_cast<std::int32_t>(LogLevel::error));
    static_cast<PluginBackend*>(self)->host_.log(static_cast<LogLevel>(known_level), view(message));
  }
  static void signal(void* self, std::int32_t signal, std::uint64_t count) {
    if (signal < 1 || signal > static_cast<std::int32_t>(BackendSignal::entry_lost)) return;  // of a later minor
    static_cast<PluginBackend*>(self)->host_.signal(static_cast<BackendSignal>(signal), count);
  }

  // The table of a facet, null if it is not offered. `functions`: how many pointers revision 1 has after the size.
  const void* facet(const std::string& name, const char* id, std::size_t functions) const {
    const void* table = f_.facet(handle_, id);
    if (!table) return nullptr;
    std::uint32_t size = 0;
    std::memcpy(&size, table, sizeof size);
    bool whole = size >= (functions + 1) * sizeof(void*);
    for (std::size_t i = 1; whole && i <= functions; ++i) {
      void* function = nullptr;
      std::memcpy(&function, static_cast<const char*>(table) + i * sizeof(void*), sizeof function);
      whole = function != nullptr;
    }
    if (whole) return table;
    throw Error(ErrorCode::plugin_rejected, "plugin '" + name + "': cannot use its facet '" + id +
                                                "': a function is missing; implement all of it, or return no facet");
  }
  void find_facets(const std::string& name) {
    dead_letters_ = static_cast<const eb_dead_letters*>(facet(name, EB_FACET_DEAD_LETTERS, 4));
    history_ = static_cast<const eb_history*>(facet(name, EB_FACET_HISTORY, 1));
    inspection_ = static_cast<const eb_inspection*>(facet(name, EB_FACET_INSPECTION, 1));
    retention_ = static_cast<const eb_retention*>(facet(name, EB_FACET_RETENTION, 1));
    idempotency_ = static_cast<const eb_idempotency*>(facet(name, EB_FACET_IDEMPOTENCY, 3));
  }

  struct TokensContext {
    SinkGuard guard;
    std::vector<Token>* tokens;
    std::vector<Position>* lost;
  };
  static std::int32_t on_tokens(void* given, const eb_token* tokens, std::size_t count) {
    auto& to = *static_cast<TokensContext*>(given);
    return to.guard.run([&] {
      for (std::size_t i = 0; i < count; ++i) to.tokens->push_back(token(tokens[i]));
    });
  }
  static std::int32_t on_positions(void* given, const eb_position* positions, std::size_t count) {
    auto& to = *static_cast<TokensContext*>(given);
    return to.guard.run([&] {
      for (std::size_t i = 0; i < count; ++i) to.lost->push_back(position(positions[i]));
    });
  }

  const std::shared_ptr<void> keep_loaded_;  // first, so released last
  const eb_functions& f_;
  BackendHost& host_;
  eb_host callbacks_{};  // the plugin may keep its address
  eb_backend* handle_ = nullptr;
  const eb_dead_letters* dead_letters_ = nullptr;
  const eb_history* history_ = nullptr;
  const eb_inspection* inspection_ = nullptr;
  const eb_retention* retention_ = nullptr;
  const eb_idempotency* idempotency_ = nullptr;
};

StreamInfo PluginBackend::stream_info() {
  struct Context {
    SinkGuard guard;
    StreamInfo info;
  } context;
  eb_stream_info out{};
  out.struct_size = sizeof out;
  ErrorSlot slot;
  std::int32_t status = inspection_->stream_info(
      handle_, &out,
      [](void* given, const eb_group_info* from) {
        auto& to = *static_cast<Context*>(given);
        return to.guard.run([&] {
          StreamInfo::Group& group = to.info.groups.emplace_back();
          group.name = view(from->name);
          group.pending = from->pending;
          if (from->has_lag) group.lag = from->lag;
          if (from->has_last_delivered) group.last_delivered = position(from->last_delivered);
        });
      },
      [](void* given, const eb_consumer_info* from) {
        auto& to = *static_cast<Context*>(given);
        return to.guard.run([&] {
          if (to.info.groups.empty()) return;
          StreamInfo::Consumer& consumer = to.info.groups.back().consumers.emplace_back();
          consumer.name = view(from->name);
          consumer.pending = from->pending;
          if (from->idle_ms >= 0) consumer.idle = milliseconds(from->idle_ms);
        });
      },
      &context, slot.get());
  context.guard.rethrow();
  slot.check(status);
  StreamInfo& info = context.info;
  info.exists = out.exists;
  info.length = out.length;
  if (out.has_first) info.first = position(out.first);
  if (out.has_last) info.last = position(out.last);
  if (out.has_dead_letters) info.dead_letters = out.dead_letters;
  return std::move(info);
}

}  // namespace

std::unique_ptr<Backend> make_plugin_backend(std::shared_ptr<void> keep_loaded, const std::string& name,
                                             const eb_functions& functions, const BackendSettings& settings,
                                             BackendHost& host) {
  return std::make_unique<PluginBackend>(std::move(keep_loaded), name, functions, settings, host);
}

}  // namespace eventbus::host
