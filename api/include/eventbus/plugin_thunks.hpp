// The plugin's half of the edge: C functions over a Backend. Included by plugin.hpp.
#pragma once

#include <eventbus/plugin.hpp>

namespace eventbus::edge {

class PluginHost final : public BackendHost {
 public:
  explicit PluginHost(const eb_host& host) noexcept {
    std::memcpy(&host_, &host, std::min<std::size_t>(host.struct_size, sizeof host_));  // an older host's is shorter
  }
  void log(LogLevel level, std::string_view message) noexcept override {
    if (host_.log) host_.log(host_.context, static_cast<std::int32_t>(level), text(message));
  }
  void signal(BackendSignal signal, std::uint64_t count) noexcept override {
    if (host_.signal) host_.signal(host_.context, static_cast<std::int32_t>(signal), count);
  }

 private:
  eb_host host_{};
};

// What an eb_backend is behind the edge.
struct Instance {
  explicit Instance(const eb_host& given) : host(given) {}
  PluginHost host;
  std::unique_ptr<Backend> backend;
};

inline Backend& backend_of(eb_backend* handle) { return *reinterpret_cast<Instance*>(handle)->backend; }

struct SinkFailed {};  // the host met an error in its sink; it knows it

class SettledForwarder {
 public:
  SettledForwarder(eb_settled_sink sink, void* context) : sink_(sink), context_(context) {}
  void forward(std::span<const SettleResult> results) const {
    std::vector<eb_settle_result> out;
    std::vector<const eb_settle_result*> pointers;
    out.reserve(results.size());
    for (const SettleResult& from : results) {
      out.push_back(
          {sizeof(eb_settle_result), static_cast<std::int32_t>(from.status), from.retryable ? 1 : 0, text(from.error)});
    }
    for (const auto& one : out) pointers.push_back(&one);
    if (sink_(context_, pointers.data(), pointers.size()) != 0) throw SinkFailed{};
  }

 private:
  eb_settled_sink sink_;
  void* context_;
};

class DeliveryForwarder final : public ReceiveSink {
 public:
  DeliveryForwarder(eb_settled_sink on_settled, eb_deliveries_sink on_deliveries, void* context)
      : settled_(on_settled, context), deliveries_(on_deliveries), context_(context) {}
  void settled(std::span<const SettleResult> results) override { settled_.forward(results); }
  void delivered(std::span<const DeliveryView> batch) override {
    if (send_deliveries(batch, deliveries_, context_) != 0) throw SinkFailed{};
  }

 private:
  SettledForwarder settled_;
  eb_deliveries_sink deliveries_;
  void* context_;
};

struct Settlements {
  Settlements(const eb_settlement* const* from, std::size_t count) : items(count), reasons(count) {
    for (std::size_t i = 0; i < count; ++i) {
      const eb_settlement& one = *from[i];
      items[i].token = token(one.token);
      items[i].action = known(one.action, SettleAction::drop, SettleAction::release);
      items[i].guarded = one.guarded != 0;
      items[i].release_count = one.release_count;
      items[i].release_delay = milliseconds(one.release_delay_ms);
      if (items[i].action == SettleAction::dead_letter) {
        reasons[i] = {view(one.dead_handler), view(one.dead_reason), one.dead_attempts, time(one.dead_first_failed_us),
                      time(one.dead_last_failed_us)};
        items[i].dead = &reasons[i];
      }
    }
  }
  std::vector<Settlement> items;
  std::vector<DeadLetterReason> reasons;
};

inline std::vector<Token> tokens_from(const eb_token* tokens, std::size_t count) {
  std::vector<Token> result(count);
  for (std::size_t i = 0; i < count; ++i) result[i] = token(tokens[i]);
  return result;
}

inline void copy_statuses(const std::vector<HoldStatus>& from, std::int32_t* to) {
  for (std::size_t i = 0; i < from.size(); ++i) to[i] = static_cast<std::int32_t>(from[i]);
}

template <class BackendClass>
std::int32_t create(const eb_settings* from, const eb_host* host, eb_backend** out, eb_error* error) noexcept {
  return guarded(error, [&] {
    BackendSettings settings;
    settings.stream_prefix = view(from->stream_prefix);
    settings.stream = view(from->stream);
    settings.dead_letter_stream = view(from->dead_letter_stream);
    settings.group = view(from->group);
    settings.consumer = view(from->consumer);
    settings.lease = milliseconds(from->lease_ms);
    settings.block = milliseconds(from->block_ms);
    settings.dead_letter_max_length = from->dead_letter_max_length;
    settings.config_json = view(from->config_json);
    auto instance = std::make_unique<Instance>(*host);
    instance->backend = std::make_unique<BackendClass>(settings, instance->host);
    *out = reinterpret_cast<eb_backend*>(instance.release());
  });
}

inline void destroy(eb_backend* handle) noexcept {
  std::unique_ptr<Instance> instance(reinterpret_cast<Instance*>(handle));
  instance->backend->close();
}

inline std::int32_t open(eb_backend* handle, std::int32_t role, const eb_start* from, eb_error* error) noexcept {
  return guarded(error, [&] {
    if (from->kind < 0 || from->kind > static_cast<std::int32_t>(StartFrom::Kind::time)) {
      throw Error(ErrorCode::unsupported, "plugin: cannot open: a start of unknown kind " + std::to_string(from->kind));
    }
    StartFrom start{static_cast<StartFrom::Kind>(from->kind), position(from->position), time(from->time_us)};
    backend_of(handle).open(known(role, Role::consumer, Role::inspector), start);
  });
}

inline void close(eb_backend* handle) noexcept { backend_of(handle).close(); }
inline void wake(eb_backend* handle) noexcept { backend_of(handle).wake(); }

inline std::int32_t append(eb_backend* handle, const eb_event* const* events, std::size_t count,
                           eb_append_result* const* out, eb_error* error) noexcept {
  return guarded(error, [&] {
    EventReader reader;
    std::vector<EventView> views;
    std::vector<AppendResult> results(count);
    for (std::size_t i = 0; i < count; ++i) views.push_back(reader.read(*events[i]));
    backend_of(handle).append_views(views, results);
    for (std::size_t i = 0; i < count; ++i) {
      out[i]->status = static_cast<std::int32_t>(results[i].status);
      out[i]->position = position(results[i].position);
      if (results[i].error) {
        fill(out[i]->error, results[i].error->code(), results[i].error->retryable(), results[i].error->what());
      }
    }
  });
}

inline std::int32_t redeliver(eb_backend* handle, const eb_token* tokens, std::size_t count, std::int32_t counted,
                              std::int32_t* status, eb_deliveries_sink sink, void* context, eb_error* error) noexcept {
  return guarded(error, [&] {
    std::vector<HoldStatus> results(count, HoldStatus::not_mine);
    DeliveryForwarder forwarder(nullptr, sink, context);
    backend_of(handle).redeliver(tokens_from(tokens, count), counted != 0, results, forwarder);
    copy_statuses(results, status);
  });
}

inline std::int32_t renew(eb_backend* handle, const eb_token* tokens, std::size_t count, std::int32_t* status,
                          eb_error* error) noexcept {
  return guarded(error, [&] {
    std::vector<HoldStatus> results(count, HoldStatus::not_mine);
    backend_of(handle).renew(tokens_from(tokens, count), results);
    copy_statuses(results, status);
  });
}

inline std::int32_t settle(eb_backend* handle, const eb_settlement* const* settlements, std::size_t count,
                           eb_settled_sink sink, void* context, eb_error* error) noexcept {
  return guarded(error, [&] {
    Settlements in(settlements, count);
    std::vector<SettleResult> results(count);
    backend_of(handle).settle(in.items, results);
    SettledForwarder(sink, context).forward(results);
  });
}

inline std::int32_t capabilities(eb_backend* handle, eb_capabilities* out, eb_error* error) noexcept {
  return guarded(error, [&] {
    Capabilities has = backend_of(handle).capabilities();
    out->durable = has.durable;
    out->cross_process = has.cross_process;
    out->competing_consumers = has.competing_consumers;
    out->ordered = has.ordered;
    out->inline_dispatch = has.inline_dispatch;
    out->max_payload_bytes = has.max_payload_bytes;
  });
}

inline std::int32_t receive(eb_backend* handle, std::size_t max, std::int64_t wait_ms,
                            const eb_settlement* const* settlements, std::size_t count, eb_settled_sink settled,
                            eb_deliveries_sink deliveries, void* context, eb_error* error) noexcept {
  return guarded(error, [&] {
    Settlements in(settlements, count);
    DeliveryForwarder forwarder(settled, deliveries, context);
    backend_of(handle).receive(max, milliseconds(wait_ms), in.items, forwarder);
  });
}

inline std::int32_t resume(eb_backend* handle, std::size_t max, eb_position from, eb_position* next,
                           eb_tokens_sink sink, void* context, eb_error* error) noexcept {
  return guarded(error, [&] {
    std::vector<Token> tokens;
    *next = position(backend_of(handle).resume(max, position(from), tokens));
    std::vector<eb_token> out;
    for (const Token& one : tokens) out.push_back(token(one));
    if (sink(context, out.data(), out.size()) != 0) throw SinkFailed{};
  });
}

inline std::int32_t claim(eb_backend* handle, std::int64_t min_idle_ms, std::size_t max, eb_position from,
                          eb_position* next, std::uint64_t* checked, eb_tokens_sink sink, eb_positions_sink lost,
                          void* context, eb_error* error) noexcept {
  return guarded(error, [&] {
    ClaimResult result = backend_of(handle).claim(milliseconds(min_idle_ms), max, position(from));
    *next = position(result.next);
    *checked = result.checked;
    std::vector<eb_token> tokens;
    for (const Token& one : result.tokens) tokens.push_back(token(one));
    std::vector<eb_position> positions;
    for (Position one : result.lost) positions.push_back(position(one));
    if (sink(context, tokens.data(), tokens.size()) != 0) throw SinkFailed{};
    if (lost(context, positions.data(), positions.size()) != 0) throw SinkFailed{};
  });
}

// ---- facets

class DeadLetterForwarder final : public DeadLetterStore::Sink {
 public:
  DeadLetterForwarder(eb_dead_letter_sink sink, void* context) : sink_(sink), context_(context) {}
  void entry(const DeadLetter& entry) override {
    EventWriter writer;
    eb_dead_letter out = dead_letter_to(entry, writer);
    if (sink_(context_, &out) != 0) throw SinkFailed{};
  }

 private:
  eb_dead_letter_sink sink_;
  void* context_;
};

inline std::int32_t list_dead(eb_backend* handle, eb_position after, std::size_t limit, eb_text type, eb_text group,
                              eb_dead_letter_sink sink, void* context, std::int32_t* more, eb_position* next,
                              eb_error* error) noexcept {
  return guarded(error, [&] {
    DeadLetterQuery query{position(after), limit, std::string(view(type)), std::string(view(group))};
    DeadLetterForwarder forwarder(sink, context);
    auto rest = backend_of(handle).dead_letter_store()->list(query, forwarder);
    *more = rest ? 1 : 0;
    *next = position(rest.value_or(Position{}));
  });
}

inline std::int32_t replay_dead(eb_backend* handle, eb_position at, eb_text only_group, std::int32_t* found,
                                eb_position* out, eb_error* error) noexcept {
  return guarded(error, [&] {
    auto now_at = backend_of(handle).dead_letter_store()->replay(position(at), view(only_group));
    *found = now_at ? 1 : 0;
    *out = position(now_at.value_or(Position{}));
  });
}

inline std::int32_t purge_dead(eb_backend* handle, const eb_position* positions, std::size_t count, std::int32_t by_age,
                               std::int64_t older_than_us, std::int32_t all, std::uint64_t* purged,
                               eb_error* error) noexcept {
  return guarded(error, [&] {
    PurgeQuery query;
    for (std::size_t i = 0; i < count; ++i) query.positions.push_back(position(positions[i]));
    if (by_age) query.older_than = time(older_than_us);
    query.all = all != 0;
    *purged = backend_of(handle).dead_letter_store()->purge(query);
  });
}

inline std::int32_t add_dead(eb_backend* handle, const eb_dead_letter* const* entries, std::size_t count,
                             std::uint64_t* added, eb_error* error) noexcept {
  return guarded(error, [&] {
    std::vector<DeadLetter> letters;
    for (std::size_t i = 0; i < count; ++i) letters.push_back(dead_letter_from(*entries[i]));
    *added = backend_of(handle).dead_letter_store()->add(letters);
  });
}

inline std::int32_t read_history(eb_backend* handle, eb_position from, eb_position to, std::int64_t from_us,
                                 std::int64_t to_us, std::size_t limit, eb_deliveries_sink sink, void* context,
                                 std::int32_t* more, eb_position* next, eb_error* error) noexcept {
  return guarded(error, [&] {
    constexpr std::int64_t none = std::numeric_limits<std::int64_t>::min();
    HistoryQuery query{position(from), position(to), std::nullopt, std::nullopt, limit};
    if (from_us != none) query.from_time = time(from_us);
    if (to_us != none) query.to_time = time(to_us);
    DeliveryForwarder forwarder(nullptr, sink, context);
    auto rest = backend_of(handle).history()->read(query, forwarder);
    *more = rest ? 1 : 0;
    *next = position(rest.value_or(Position{}));
  });
}

inline std::int32_t stream_info(eb_backend* handle, eb_stream_info* out,
                                std::int32_t (*group_sink)(void*, const eb_group_info*),
                                std::int32_t (*consumer_sink)(void*, const eb_consumer_info*), void* context,
                                eb_error* error) noexcept {
  return guarded(error, [&] {
    StreamInfo info = backend_of(handle).inspection()->stream_info();
    out->exists = info.exists;
    out->length = info.length;
    out->has_first = info.first.has_value();
    out->has_last = info.last.has_value();
    out->has_dead_letters = info.dead_letters.has_value();
    out->first = position(info.first.value_or(Position{}));
    out->last = position(info.last.value_or(Position{}));
    out->dead_letters = info.dead_letters.value_or(0);
    for (const auto& group : info.groups) {
      eb_group_info told{sizeof told,
                         text(group.name),
                         group.pending,
                         group.lag.has_value(),
                         group.last_delivered.has_value(),
                         group.lag.value_or(0),
                         position(group.last_delivered.value_or(Position{}))};
      if (group_sink(context, &told) != 0) throw SinkFailed{};
      for (const auto& consumer : group.consumers) {
        eb_consumer_info one{sizeof one, text(consumer.name), consumer.pending,
                             consumer.idle ? static_cast<std::int64_t>(consumer.idle->count()) : -1};
        if (consumer_sink(context, &one) != 0) throw SinkFailed{};
      }
    }
  });
}

inline std::int32_t trim(eb_backend* handle, std::uint64_t max_length, std::int64_t max_age_ms,
                         std::uint64_t hard_max_length, std::uint64_t* trimmed, std::uint64_t* lost,
                         eb_error* error) noexcept {
  return guarded(error, [&] {
    TrimReport report = backend_of(handle).retention()->trim({max_length, milliseconds(max_age_ms), hard_max_length});
    *trimmed = report.trimmed;
    *lost = report.lost;
  });
}

inline std::int32_t begin_once(eb_backend* handle, eb_text key, eb_text owner, std::int64_t lease_ms,
                               std::int32_t* claim, eb_error* error) noexcept {
  return guarded(error, [&] {
    auto got = backend_of(handle).idempotency_store()->begin(view(key), view(owner), milliseconds(lease_ms));
    *claim = static_cast<std::int32_t>(got);
  });
}

inline std::int32_t finish_once(eb_backend* handle, eb_text key, std::int64_t window_ms, eb_error* error) noexcept {
  return guarded(error, [&] { backend_of(handle).idempotency_store()->finish(view(key), milliseconds(window_ms)); });
}

inline std::int32_t cancel_once(eb_backend* handle, eb_text key, eb_text owner, eb_error* error) noexcept {
  return guarded(error, [&] { backend_of(handle).idempotency_store()->cancel(view(key), view(owner)); });
}

inline const void* facet(eb_backend* handle, const char* id) noexcept {
  static constexpr eb_dead_letters dead_letters{sizeof(eb_dead_letters), list_dead, replay_dead, purge_dead, add_dead};
  static constexpr eb_history history{sizeof(eb_history), read_history};
  static constexpr eb_inspection inspection{sizeof(eb_inspection), stream_info};
  static constexpr eb_retention retention{sizeof(eb_retention), trim};
  static constexpr eb_idempotency idempotency{sizeof(eb_idempotency), begin_once, finish_once, cancel_once};
  Backend& backend = backend_of(handle);
  std::string_view wanted(id);
  if (wanted == EB_FACET_DEAD_LETTERS) return backend.dead_letter_store() ? &dead_letters : nullptr;
  if (wanted == EB_FACET_HISTORY) return backend.history() ? &history : nullptr;
  if (wanted == EB_FACET_INSPECTION) return backend.inspection() ? &inspection : nullptr;
  if (wanted == EB_FACET_RETENTION) return backend.retention() ? &retention : nullptr;
  if (wanted == EB_FACET_IDEMPOTENCY) return backend.idempotency_store() ? &idempotency : nullptr;
  return nullptr;
}

template <class BackendClass>
eb_plugin descriptor(const PluginInfo& info) noexcept {
  static constexpr eb_functions functions{sizeof(eb_functions),
                                          create<BackendClass>,
                                          destroy,
                                          open,
                                          close,
                                          append,
                                          redeliver,
                                          renew,
                                          settle,
                                          wake,
                                          capabilities,
                                          facet,
                                          receive,
                                          resume,
                                          claim};
  return {sizeof(eb_plugin), EB_ABI_MAJOR,    EB_ABI_MINOR,       0,
          info.name,         info.version,    info.vendor,        info.description,
          info.license,      info.build_info, info.config_schema, &functions};
}

}  // namespace eventbus::edge
