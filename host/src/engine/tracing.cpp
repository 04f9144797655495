#include "engine/tracing.hpp"

#include <array>
#include <vector>

namespace eventbus::host {
namespace {

// OpenTelemetry semantic conventions for messaging spans.
std::vector<SpanAttribute> attributes_of(const BackendSettings& settings, std::string_view system, const Event& event,
                                         std::string_view type, std::string_view operation) {
  std::vector<SpanAttribute> attributes{{"messaging.system", system},
                                        {"messaging.destination.name", std::string_view(settings.stream)},
                                        {"messaging.operation.type", type},
                                        {"messaging.operation.name", operation},
                                        {"messaging.message.id", std::string_view(event.id)},
                                        {"eventbus.event.type", std::string_view(event.type)}};
  if (auto correlation = event.headers.get(header::correlation_id)) {
    attributes.push_back({"messaging.message.conversation_id", *correlation});
  }
  if (!event.aggregate_id.empty()) {
    attributes.push_back({"eventbus.aggregate.id", std::string_view(event.aggregate_id)});
  }
  return attributes;
}

SpanStart start_of(SpanKind kind, const std::string& name, const Event& event,
                   const std::vector<SpanAttribute>& attributes) {
  SpanStart start;
  start.kind = kind;
  start.name = name;
  start.traceparent = event.headers.get(header::traceparent).value_or(std::string_view());
  start.tracestate = event.headers.get(header::tracestate).value_or(std::string_view());
  start.attributes = attributes;
  return start;
}

}  // namespace

PublishSpan::PublishSpan(Tracer* tracer, const BackendSettings& settings, std::string_view system, Event& event) {
  if (!tracer) return;
  auto attributes = attributes_of(settings, system, event, "send", "publish");
  std::string name = "send " + settings.stream;
  span_ = tracer->start(start_of(SpanKind::producer, name, event, attributes));
  if (!span_ || event.headers.contains(header::traceparent)) return;
  TraceContext context = span_->context();
  if (context.traceparent.empty()) return;
  event.headers.set(header::traceparent, context.traceparent);
  if (!context.tracestate.empty()) event.headers.set(header::tracestate, context.tracestate);
}

ProcessSpan::ProcessSpan(std::shared_ptr<Tracer> tracer, const BackendSettings& settings, std::string_view system,
                         const Event& event, std::uint32_t attempt)
    : tracer_(std::move(tracer)) {
  if (!tracer_) return;
  auto attributes = attributes_of(settings, system, event, "process", "process");
  attributes.push_back({"messaging.consumer.group.name", std::string_view(settings.group)});
  attributes.push_back({"messaging.client.id", std::string_view(settings.consumer)});
  attributes.push_back({"eventbus.attempt", static_cast<std::int64_t>(attempt)});
  std::string name = "process " + settings.stream;
  span_ = tracer_->start(start_of(SpanKind::consumer, name, event, attributes));
}

std::unique_ptr<Span> ProcessSpan::handle(const std::string& handler, const Event& event) const {
  if (!tracer_) return nullptr;
  std::array<SpanAttribute, 2> attributes{
      {{"eventbus.handler", std::string_view(handler)}, {"eventbus.event.type", std::string_view(event.type)}}};
  std::string name = "handle " + handler;
  SpanStart start;
  start.name = name;
  start.parent = span_.get();
  start.attributes = attributes;
  return tracer_->start(start);
}

}  // namespace eventbus::host
