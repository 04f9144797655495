// The one exception of eventbus, and the codes that say what a caller can do about it.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace eventbus {

// Values are part of the plugin ABI (plugin_abi.h): they are appended to, never changed.
enum class ErrorCode : std::int32_t {
  invalid_argument = 1,  // the call is wrong; change it
  invalid_config = 2,    // the configuration is wrong; the message names the key
  closed = 3,            // the bus is not connected (any more)
  unavailable = 4,       // the backend can't be reached or can't serve now; try again later
  timed_out = 5,         // no answer in time: whether it was done is unknown
  unsupported = 6,       // this backend does not offer it
  not_found = 7,         // what was named does not exist
  conflict = 8,          // somebody else has it, or it is in the wrong state for this call
  backpressure = 9,      // full; try again when something was consumed
  plugin_rejected = 10,  // the plugin can't be used with this host
  internal = 11,         // a defect of eventbus or of a backend
};

inline constexpr std::string_view to_string(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::invalid_argument: return "invalid_argument";
    case ErrorCode::invalid_config: return "invalid_config";
    case ErrorCode::closed: return "closed";
    case ErrorCode::unavailable: return "unavailable";
    case ErrorCode::timed_out: return "timed_out";
    case ErrorCode::unsupported: return "unsupported";
    case ErrorCode::not_found: return "not_found";
    case ErrorCode::conflict: return "conflict";
    case ErrorCode::backpressure: return "backpressure";
    case ErrorCode::plugin_rejected: return "plugin_rejected";
    case ErrorCode::internal: return "internal";
  }
  return "internal";
}

// Messages read `who: cannot do what with what: cause; what to do`, and never hold a secret.
class __attribute__((visibility("default"))) Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : Error(code, message, retryable_by_nature(code)) {}
  Error(ErrorCode code, const std::string& message, bool retryable)
      : std::runtime_error(message), code_(code), retryable_(retryable) {}

  ErrorCode code() const noexcept { return code_; }

  // Whether the same call may succeed later with nothing changed by the caller.
  bool retryable() const noexcept { return retryable_; }

 private:
  static constexpr bool retryable_by_nature(ErrorCode code) noexcept {
    return code == ErrorCode::unavailable || code == ErrorCode::timed_out || code == ErrorCode::backpressure;
  }

  ErrorCode code_;
  bool retryable_;
};

}  // namespace eventbus
