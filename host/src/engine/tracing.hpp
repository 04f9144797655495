// The engine's spans. Without a tracer each of these is a null pointer and a test of it.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <eventbus/backend.hpp>
#include <eventbus/event.hpp>
#include <eventbus/tracer.hpp>

namespace eventbus::host {

// "send <stream>": from before the append to its answer. Puts its context into an event that has none of its own.
class PublishSpan {
 public:
  PublishSpan(Tracer* tracer, const BackendSettings& settings, std::string_view system, Event& event);
  void fail(std::string_view type, std::string_view message) {
    if (span_) span_->fail(type, message);
  }

 private:
  std::unique_ptr<Span> span_;
};

// "process <stream>": all handlers of one delivery. Linked to the publish span by the event's own headers.
class ProcessSpan {
 public:
  ProcessSpan(std::shared_ptr<Tracer> tracer, const BackendSettings& settings, std::string_view system,
              const Event& event, std::uint32_t attempt);

  // "handle <handler>": one call of one handler.
  std::unique_ptr<Span> handle(const std::string& handler, const Event& event) const;
  bool active() const noexcept { return tracer_ != nullptr; }
  void fail(std::string_view type, std::string_view message) {
    if (span_) span_->fail(type, message);
  }

 private:
  std::shared_ptr<Tracer> tracer_;
  std::unique_ptr<Span> span_;
};

}  // namespace eventbus::host
