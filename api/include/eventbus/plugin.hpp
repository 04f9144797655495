// Makes a plugin of a Backend: write the class, then, at the end of one source file,
//
//   EVENTBUS_PLUGIN(MyBackend, {.name = "my-backend", .version = "1.0.0", .config_schema = R"({...})"})
//
// The class is constructed from (const BackendSettings&, BackendHost&). Everything here runs on the plugin's side of
// the edge: it turns C calls into C++ ones, and exceptions into error codes.
#pragma once

#include <algorithm>
#include <cstring>
#include <deque>
#include <exception>
#include <limits>
#include <memory>
#include <vector>

#include <eventbus/plugin_abi.h>
#include <eventbus/backend.hpp>

namespace eventbus {

// Static texts; `config_schema` is described in docs/configuration.md.
struct PluginInfo {
  const char* name = "";
  const char* version = "0";
  const char* vendor = "";
  const char* description = "";
  const char* license = "";
  const char* build_info = "";
  const char* config_schema = R"({"type": "object", "properties": {}})";
};

namespace edge {

inline std::string_view view(eb_text text) noexcept {
  return text.data ? std::string_view(text.data, text.size) : std::string_view();
}
inline eb_text text(std::string_view view) noexcept { return {view.data(), view.size()}; }
inline Position position(eb_position from) noexcept { return {from.high, from.low}; }
inline eb_position position(Position from) noexcept { return {from.high, from.low}; }
inline Token token(const eb_token& from) noexcept { return {position(from.position), from.attempt}; }
inline eb_token token(const Token& from) noexcept { return {position(from.position), from.attempt, 0}; }
inline Timestamp time(std::int64_t us) noexcept { return Timestamp{std::chrono::microseconds(us)}; }
inline std::int64_t time(Timestamp time) noexcept { return time.time_since_epoch().count(); }

// Any enum value that the other side sends becomes one that this side knows.
template <class Enum>
Enum known(std::int32_t value, Enum last, Enum otherwise) noexcept {
  return value >= 1 && value <= static_cast<std::int32_t>(last) ? static_cast<Enum>(value) : otherwise;
}

inline void fill(eb_error* out, ErrorCode code, bool retryable, std::string_view message) noexcept {
  if (!out) return;
  out->code = static_cast<std::int32_t>(code);
  out->retryable = retryable ? 1 : 0;
  out->native_code = 0;
  out->message_size = message.size();
  if (out->message && out->message_capacity > 0) {
    std::memcpy(out->message, message.data(), std::min(message.size(), out->message_capacity));
  }
}

inline Error error_from(const eb_error& from) {
  std::string message;
  if (from.message) message.assign(from.message, std::min(from.message_size, from.message_capacity));
  if (from.message_size > message.size()) message += "...";
  if (message.empty()) message = "plugin: a call failed and gave no reason";
  return Error(known(from.code, ErrorCode::internal, ErrorCode::internal), message, from.retryable != 0);
}

// Runs a call so that no exception leaves it.
template <class Call>
std::int32_t guarded(eb_error* out, Call&& call) noexcept {
  try {
    call();
    return EB_OK;
  } catch (const Error& error) {
    fill(out, error.code(), error.retryable(), error.what());
    return static_cast<std::int32_t>(error.code());
  } catch (const std::exception& error) {
    fill(out, ErrorCode::internal, false, error.what());
  } catch (...) {
    fill(out, ErrorCode::internal, false, "an exception of unknown type");
  }
  return static_cast<std::int32_t>(ErrorCode::internal);
}

// Memory behind C events for the length of a call.
class EventWriter {
 public:
  eb_event write(const EventView& from) {
    auto& headers = headers_.emplace_back();
    for (const HeaderView& header : from.headers) headers.push_back({text(header.name), text(header.value)});
    eb_event event{};
    event.struct_size = sizeof event;
    event.id = text(from.id);
    event.type = text(from.type);
    event.aggregate_id = text(from.aggregate_id);
    event.aggregate_type = text(from.aggregate_type);
    event.aggregate_version = from.aggregate_version;
    event.occurred_at_us = time(from.occurred_at);
    event.headers = headers.data();
    event.header_count = headers.size();
    event.payload = text(from.payload);
    return event;
  }
  // The same, kept in here as well.
  template <class From>
  const eb_event* keep(const From& from) {
    return &events_.emplace_back(write(from));
  }
  // An event of this process: its views stay alive in here.
  eb_event write(const Event& from) {
    auto& views = views_.emplace_back();
    return write(view_of(from, views));
  }

 private:
  std::vector<std::vector<eb_header>> headers_;
  std::vector<std::vector<HeaderView>> views_;
  std::deque<eb_event> events_;
};

// Memory behind views of C events for the length of a call.
class EventReader {
 public:
  EventView read(const eb_event& from) {
    auto& headers = headers_.emplace_back();
    for (std::size_t i = 0; i < from.header_count; ++i) {
      headers.push_back({view(from.headers[i].name), view(from.headers[i].value)});
    }
    return {view(from.id),
            view(from.type),
            view(from.aggregate_id),
            view(from.aggregate_type),
            from.aggregate_version,
            time(from.occurred_at_us),
            headers,
            view(from.payload)};
  }

 private:
  std::vector<std::vector<HeaderView>> headers_;
};

inline DeadLetter dead_letter_from(const eb_dead_letter& from) {
  DeadLetter letter;
  EventReader reader;
  letter.position = position(from.position);
  assign(letter.event, reader.read(*from.event));
  letter.original_position = position(from.original_position);
  letter.group = view(from.group);
  letter.consumer = view(from.consumer);
  letter.handler = view(from.handler);
  letter.attempts = from.attempts;
  letter.reason = view(from.reason);
  letter.first_failed = time(from.first_failed_us);
  letter.last_failed = time(from.last_failed_us);
  return letter;
}

inline eb_dead_letter dead_letter_to(const DeadLetter& from, EventWriter& writer) {
  eb_dead_letter letter{};
  letter.struct_size = sizeof letter;
  letter.position = position(from.position);
  letter.event = writer.keep(from.event);
  letter.original_position = position(from.original_position);
  letter.group = text(from.group);
  letter.consumer = text(from.consumer);
  letter.handler = text(from.handler);
  letter.reason = text(from.reason);
  letter.attempts = from.attempts;
  letter.first_failed_us = time(from.first_failed);
  letter.last_failed_us = time(from.last_failed);
  return letter;
}

// A delivery on its way out. A shared event whose payload can't be encoded goes as undecodable, and `problem` keeps
// why.
inline eb_delivery delivery_to(const DeliveryView& from, EventWriter& writer, std::string& problem) {
  eb_delivery to{};
  to.struct_size = sizeof to;
  to.token = token(from.token);
  to.undecodable = text(from.undecodable);
  to.only_group = text(from.only_group);
  try {
    to.event = from.shared ? writer.keep(*from.shared) : writer.keep(from.event);
  } catch (const Error& error) {
    problem = error.what();
    to.undecodable = text(problem);
    to.event = writer.keep(from.event);
  }
  return to;
}

inline std::int32_t send_deliveries(std::span<const DeliveryView> batch, eb_deliveries_sink sink, void* context) {
  EventWriter writer;
  std::deque<std::string> problems;
  std::vector<eb_delivery> deliveries;
  std::vector<const eb_delivery*> pointers;
  deliveries.reserve(batch.size());
  pointers.reserve(batch.size());
  for (const DeliveryView& from : batch) {
    deliveries.push_back(delivery_to(from, writer, problems.emplace_back()));
    pointers.push_back(&deliveries.back());
  }
  return sink(context, pointers.data(), pointers.size());
}

}  // namespace edge
}  // namespace eventbus

#include <eventbus/plugin_thunks.hpp>

#define EVENTBUS_PLUGIN(BackendClass, ...)                                            \
  extern "C" const eb_plugin* eventbus_plugin_v1(void) noexcept {                     \
    static constexpr ::eventbus::PluginInfo info __VA_ARGS__;                         \
    static const eb_plugin plugin = ::eventbus::edge::descriptor<BackendClass>(info); \
    return &plugin;                                                                   \
  }
