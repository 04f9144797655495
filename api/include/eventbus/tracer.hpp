// The hook for distributed tracing. The bus starts spans; what a span is, and where it goes, is the tracer's business.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>

namespace eventbus {

enum class SpanKind {
  producer,  // "send <stream>": one publish of one event
  consumer,  // "process <stream>": one delivery of one event
  internal,  // "handle <handler>": one call of one handler, inside a consumer span
};

// Names and values follow OpenTelemetry's semantic conventions for messaging
// (opentelemetry.io/docs/specs/semconv/messaging), e.g. messaging.destination.name, messaging.message.id.
struct SpanAttribute {
  std::string_view name;
  std::variant<std::string_view, std::int64_t> value;
};

// W3C Trace Context (w3.org/TR/trace-context), as it stands in the headers of an event; empty where there is none.
struct TraceContext {
  std::string traceparent{};
  std::string tracestate{};
};

// One piece of work. It ends when it is destroyed. Threads: one at a time.
class Span {
 public:
  virtual ~Span() = default;

  // What others continue; asked of producer spans, once.
  virtual TraceContext context() const { return {}; }

  // `type`: the code of an Error or "handler"; `message` is for people.
  virtual void fail(std::string_view type, std::string_view message) {
    static_cast<void>(type);
    static_cast<void>(message);
  }
};

struct SpanStart {
  SpanKind kind = SpanKind::internal;
  std::string_view name;
  std::string_view traceparent;  // of the event: a producer span's parent, a consumer span's link or parent
  std::string_view tracestate;
  Span* parent = nullptr;  // of an internal span: the consumer span that it runs in
  std::span<const SpanAttribute> attributes;
};

// Threads: any, at once. Lifetime: shared with the bus. Must not throw; a null span is allowed and means none.
// The views in SpanStart live for the call.
class Tracer {
 public:
  virtual ~Tracer() = default;
  virtual std::unique_ptr<Span> start(const SpanStart& start) noexcept = 0;
};

}  // namespace eventbus
