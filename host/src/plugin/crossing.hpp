// How values cross the plugin edge on the host's side; plugin.hpp has what both sides use.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <eventbus/plugin.hpp>

namespace eventbus::host {

using namespace edge;

// The caller's side of an error: a buffer that the plugin fills.
class ErrorSlot {
 public:
  ErrorSlot() noexcept {
    error_.struct_size = sizeof error_;
    error_.code = static_cast<std::int32_t>(ErrorCode::internal);
    error_.message = buffer_;
    error_.message_capacity = sizeof buffer_;
  }
  ErrorSlot(const ErrorSlot&) = delete;
  ErrorSlot& operator=(const ErrorSlot&) = delete;
  eb_error* get() noexcept { return &error_; }
  Error error() const { return error_from(error_); }
  void check(std::int32_t status) const {
    if (status != EB_OK) throw error();
  }

 private:
  char buffer_[1024];
  eb_error error_{};
};

// Errors of a batch, one an event. Their texts are one block that is touched only where an error is.
class ErrorSlots {
 public:
  explicit ErrorSlots(std::size_t count)
      : errors_(count), texts_(std::make_unique_for_overwrite<char[]>(count * kCapacity)) {
    for (std::size_t i = 0; i < count; ++i) {
      errors_[i].struct_size = sizeof(eb_error);
      errors_[i].code = static_cast<std::int32_t>(ErrorCode::internal);
      errors_[i].message = texts_.get() + i * kCapacity;
      errors_[i].message_capacity = kCapacity;
    }
  }
  eb_error* at(std::size_t i) noexcept { return &errors_[i]; }
  Error error(std::size_t i) const { return error_from(errors_[i]); }

 private:
  static constexpr std::size_t kCapacity = 512;
  std::vector<eb_error> errors_;
  std::unique_ptr<char[]> texts_;
};

// What a sink threw on this side of the edge travels beside the call, not through it.
class SinkGuard {
 public:
  template <class Call>
  std::int32_t run(Call&& call) noexcept {
    if (thrown_) return 1;
    try {
      call();
      return 0;
    } catch (...) {
      thrown_ = std::current_exception();
      return 1;
    }
  }
  void rethrow() const {
    if (thrown_) std::rethrow_exception(thrown_);
  }

 private:
  std::exception_ptr thrown_;
};

inline void deliver(const eb_delivery* const* batch, std::size_t count, DeliverySink& sink) {
  EventReader reader;
  std::vector<DeliveryView> views;
  views.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    DeliveryView& to = views.emplace_back();
    to.token = token(batch[i]->token);
    to.event = reader.read(*batch[i]->event);
    to.undecodable = view(batch[i]->undecodable);
    to.only_group = view(batch[i]->only_group);
  }
  sink.delivered(views);
}

inline std::vector<SettleResult> results_from(const eb_settle_result* const* results, std::size_t count) {
  std::vector<SettleResult> out;
  for (std::size_t i = 0; i < count; ++i) {
    out.push_back({known(results[i]->status, SettleStatus::unknown, SettleStatus::unknown), results[i]->retryable != 0,
                   std::string(view(results[i]->error))});
  }
  return out;
}

struct CSettlements {
  explicit CSettlements(std::span<const Settlement> from) {
    items.reserve(from.size());
    for (const Settlement& one : from) {
      eb_settlement& to = items.emplace_back();
      to = {};
      to.struct_size = sizeof to;
      to.token = token(one.token);
      to.action = static_cast<std::int32_t>(one.action);
      to.guarded = one.guarded;
      to.release_count = one.release_count;
      to.release_delay_ms = one.release_delay.count();
      if (one.dead) {
        to.dead_handler = text(one.dead->handler);
        to.dead_reason = text(one.dead->reason);
        to.dead_attempts = one.dead->attempts;
        to.dead_first_failed_us = time(one.dead->first_failed);
        to.dead_last_failed_us = time(one.dead->last_failed);
      }
    }
    for (const eb_settlement& one : items) pointers.push_back(&one);
  }
  std::vector<eb_settlement> items;
  std::vector<const eb_settlement*> pointers;
};

inline std::vector<eb_token> c_tokens(std::span<const Token> tokens) {
  std::vector<eb_token> out;
  for (const Token& one : tokens) out.push_back(token(one));
  return out;
}

inline void copy_statuses(const std::vector<std::int32_t>& from, std::span<HoldStatus> to) {
  for (std::size_t i = 0; i < from.size(); ++i) to[i] = known(from[i], HoldStatus::lost, HoldStatus::not_mine);
}

}  // namespace eventbus::host
