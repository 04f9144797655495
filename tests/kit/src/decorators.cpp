#include "decorators.hpp"

#include <utility>
#include <vector>

#include <eventbus/testing/backend_decorator.hpp>
#include <eventbus/testing/scheduler.hpp>

namespace eventbus::testing {
namespace {

void deliver_decoded(std::span<const DeliveryView> batch, DeliverySink& sink) {
  for (DeliveryView view : batch) {
    std::vector<HeaderView> headers;
    const auto shared = std::exchange(view.shared, nullptr);
    if (shared) view.event = view_of(*shared, headers);
    sink.delivered({&view, 1});
  }
}

class DecodedReceiveSink final : public ReceiveSink {
 public:
  explicit DecodedReceiveSink(ReceiveSink& sink) : sink_(sink) {}
  void settled(std::span<const SettleResult> results) override { sink_.settled(results); }
  void delivered(std::span<const DeliveryView> batch) override { deliver_decoded(batch, sink_); }

 private:
  ReceiveSink& sink_;
};

class DecodedSink final : public DeliverySink {
 public:
  explicit DecodedSink(DeliverySink& sink) : sink_(sink) {}
  void delivered(std::span<const DeliveryView> batch) override { deliver_decoded(batch, sink_); }

 private:
  DeliverySink& sink_;
};

class RoundTrip final : public BackendDecorator {
 public:
  using BackendDecorator::BackendDecorator;

  bool needs_bytes() const noexcept override { return true; }
  void append(std::span<Event> events, std::span<AppendResult> results) override { Backend::append(events, results); }
  void receive(std::size_t max, milliseconds wait, std::span<const Settlement> settlements,
               ReceiveSink& sink) override {
    DecodedReceiveSink decoded(sink);
    BackendDecorator::receive(max, wait, settlements, decoded);
  }
  void redeliver(std::span<const Token> tokens, bool count, std::span<HoldStatus> results,
                 DeliverySink& sink) override {
    DecodedSink decoded(sink);
    BackendDecorator::redeliver(tokens, count, results, decoded);
  }
};

template <class Call>
auto interleaved(Call&& call) {
  interleave();
  auto result = call();
  interleave();
  return result;
}

class InterleavedStore final : public IdempotencyStore {
 public:
  explicit InterleavedStore(IdempotencyStore& inside) : inside_(inside) {}
  Claim begin(std::string_view key, std::string_view owner, milliseconds lease) override {
    return interleaved([&] { return inside_.begin(key, owner, lease); });
  }
  void finish(std::string_view key, milliseconds window) override {
    interleaved([&] { return inside_.finish(key, window), true; });
  }
  void cancel(std::string_view key, std::string_view owner) override {
    interleaved([&] { return inside_.cancel(key, owner), true; });
  }

 private:
  IdempotencyStore& inside_;
};

class Interleaved final : public BackendDecorator {
 public:
  explicit Interleaved(std::unique_ptr<Backend> inside) : BackendDecorator(std::move(inside)) {
    if (IdempotencyStore* store = BackendDecorator::idempotency_store()) {
      store_ = std::make_unique<InterleavedStore>(*store);
    }
  }

  void append(std::span<Event> events, std::span<AppendResult> results) override {
    interleave();
    BackendDecorator::append(events, results);
    interleave();
  }
  void append_views(std::span<const EventView> events, std::span<AppendResult> results) override {
    interleave();
    BackendDecorator::append_views(events, results);
    interleave();
  }
  IdempotencyStore* idempotency_store() noexcept override { return store_.get(); }

 private:
  std::unique_ptr<InterleavedStore> store_;
};

}  // namespace

std::unique_ptr<Backend> with_round_trip(std::unique_ptr<Backend> inside) {
  return std::make_unique<RoundTrip>(std::move(inside));
}

std::unique_ptr<Backend> with_interleaving(std::unique_ptr<Backend> inside) {
  return std::make_unique<Interleaved>(std::move(inside));
}

}  // namespace eventbus::testing
