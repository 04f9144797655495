// What the tests of the edge share: the test plugins' files, a host that remembers, a sink that keeps.
#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <eventbus/backend.hpp>

#include "plugin/plugin_loader.hpp"

namespace eventbus::host::test {

inline std::filesystem::path plugin_file(const std::string& name) {
  return std::filesystem::path(TEST_PLUGINS) / ("libeventbus_" + name + ".so");
}

class RecordingHost final : public BackendHost {
 public:
  void log(LogLevel, std::string_view message) noexcept override {
    std::lock_guard lock(mutex_);
    lines_.emplace_back(message);
  }
  void signal(BackendSignal, std::uint64_t) noexcept override {}
  std::vector<std::string> lines() const {
    std::lock_guard lock(mutex_);
    return lines_;
  }

 private:
  mutable std::mutex mutex_;  // lines_
  std::vector<std::string> lines_;
};

struct KeptDelivery {
  Token token;
  Event event;
};

class KeepingSink final : public ReceiveSink {
 public:
  void settled(std::span<const SettleResult> given) override { results.assign(given.begin(), given.end()); }
  void delivered(std::span<const DeliveryView> batch) override {
    for (const DeliveryView& from : batch) {
      KeptDelivery& to = deliveries.emplace_back();
      to.token = from.token;
      assign(to.event, from.event);
    }
  }
  std::vector<SettleResult> results;
  std::vector<KeptDelivery> deliveries;
};

inline BackendSettings settings(const std::string& broker = "edge") {
  BackendSettings settings;
  settings.stream_prefix = "edge";
  settings.stream = "edge:stream";
  settings.dead_letter_stream = "edge:stream_dlq";
  settings.group = "group";
  settings.consumer = "consumer";
  settings.config_json =
      R"({"broker": ")" + broker + R"(", "max_events": 1000, "history": true, "dispatch": "background"})";
  return settings;
}

inline Event event(std::string type, std::string_view payload) {
  Event event;
  event.id = "id-" + type;
  event.type = std::move(type);
  event.payload.assign(payload);
  return event;
}

template <class Call>
std::optional<Error> error_of(Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    return error;
  }
  return std::nullopt;
}

}  // namespace eventbus::host::test
