// Calls that throw or wait, as the tests of drivers make them.
#pragma once

#include <chrono>
#include <future>
#include <utility>

#include <eventbus/error.hpp>

namespace eventbus::driver_tests {

// ErrorCode::internal if nothing was thrown.
ErrorCode code_of(const auto& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.code();
  }
  return ErrorCode::internal;
}

constexpr std::chrono::milliseconds long_wait{30000};  // for longer than any test may take

template <class Call>
auto started(Call call) {
  return std::async(std::launch::async, std::move(call));
}

template <class Future>
bool ended(Future& future) {
  return future.wait_for(std::chrono::seconds(10)) == std::future_status::ready;
}

}  // namespace eventbus::driver_tests
