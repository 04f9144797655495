// The well-known headers: who an event is of, and what led to it.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include <eventbus/event.hpp>

namespace eventbus {

// Empty means absent, both ways.
struct Metadata {
  std::string correlation_id{};  // the same for all that one request led to
  std::string causation_id{};    // the id of the event that led to this one
  std::string tenant_id{};
  std::string actor_id{};     // who did it
  std::string traceparent{};  // W3C Trace Context, as the next
  std::string tracestate{};

  friend bool operator==(const Metadata&, const Metadata&) = default;
};

namespace detail {
inline constexpr std::pair<std::string_view, std::string Metadata::*> metadata_headers[] = {
    {header::correlation_id, &Metadata::correlation_id}, {header::causation_id, &Metadata::causation_id},
    {header::tenant_id, &Metadata::tenant_id},           {header::actor_id, &Metadata::actor_id},
    {header::traceparent, &Metadata::traceparent},       {header::tracestate, &Metadata::tracestate}};
}  // namespace detail

inline Metadata metadata_of(const Event& event) {
  Metadata metadata;
  for (const auto& [name, field] : detail::metadata_headers) metadata.*field = event.headers.get(name).value_or("");
  return metadata;
}

// `headers` with what is set in `metadata` instead of its own.
inline Headers with_metadata(const Metadata& metadata, Headers headers = {}) {
  for (const auto& [name, field] : detail::metadata_headers) {
    if (!(metadata.*field).empty()) headers.set(name, metadata.*field);
  }
  return headers;
}

// The headers of an event that is published because of `cause`: it causes it, and shares its correlation (begun with
// the cause's id where it has none), tenant and trace. Not its actor: who acts now is for the caller to say. What
// `headers` has already stays.
//
//   publish(*bus, OrderShipped{...}, {.aggregate_id = event.aggregate_id, .headers = caused_by(event)});
inline Headers caused_by(const Event& cause, Headers headers = {}) {
  auto carry = [&](std::string_view name, std::string_view value) {
    if (!value.empty() && !headers.contains(name)) headers.set(name, value);
  };
  carry(header::correlation_id, cause.headers.get(header::correlation_id).value_or(cause.id));
  carry(header::causation_id, cause.id);
  carry(header::tenant_id, cause.headers.get(header::tenant_id).value_or(""));
  if (!headers.contains(header::traceparent)) {  // a state belongs to its parent
    carry(header::traceparent, cause.headers.get(header::traceparent).value_or(""));
    carry(header::tracestate, cause.headers.get(header::tracestate).value_or(""));
  }
  return headers;
}

}  // namespace eventbus
