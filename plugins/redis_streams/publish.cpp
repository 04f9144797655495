// Appending: pipelined in chunks, and together with what other publishers append meanwhile.
#include <algorithm>

#include "redis_backend.hpp"

namespace eventbus::redis_streams {
namespace {
constexpr std::size_t chunk_events = 100;
constexpr std::size_t chunk_bytes = 1 << 20;
}  // namespace

struct RedisBackend::Waiting {
  std::span<const EventView> events;
  std::span<AppendResult> results;
  bool done = false;
};

// Publishers do not queue behind one another's round trip: the first writes for all who came meanwhile.
void RedisBackend::append_views(std::span<const EventView> events, std::span<AppendResult> results) {
  Waiting mine{events, results};
  std::unique_lock lock(publish_mutex_);
  publishers_.push_back(&mine);
  while (!mine.done) {
    if (publishing_) {
      publish_cv_.wait(lock);
      continue;
    }
    publishing_ = true;
    std::vector<Waiting*> batch(publishers_.begin(), publishers_.end());
    publishers_.clear();
    lock.unlock();
    write_all(batch);  // throws nothing
    lock.lock();
    for (Waiting* one : batch) one->done = true;
    publishing_ = false;
    publish_cv_.notify_all();
  }
}

void RedisBackend::write_all(std::span<Waiting* const> batch) noexcept {
  std::vector<std::pair<const EventView*, AppendResult*>> events;
  for (Waiting* one : batch) {
    for (std::size_t i = 0; i < one->events.size(); ++i) events.emplace_back(&one->events[i], &one->results[i]);
  }
  std::lock_guard lock(command_mutex_);
  std::vector<AppendResult*> sent;
  std::size_t next = 0, answered = 0;  // of events, of sent
  auto give_up = [&](const Error& error) {
    for (; answered < sent.size(); ++answered) {
      *sent[answered] = {AppendStatus::unknown, {}, Error(ErrorCode::timed_out, error.what())};
    }
    for (; next < events.size(); ++next) *events[next].second = {AppendStatus::rejected, {}, error};
  };
  try {
    ensure_command_connection();
    Request& request = publish_request_;
    sent.reserve(events.size());
    auto send_chunk = [&] {
      request.clear();
      while (next < events.size() && request.commands() < chunk_events && request.bytes().size() < chunk_bytes) {
        auto [event, result] = events[next++];
        if (std::string problem = encoder_.encode(*event, fields_); !problem.empty()) {
          *result = {AppendStatus::rejected, {}, refusal(*event, problem)};
          continue;
        }
        request.command(3 + fields_.size()) << "XADD" << settings_.stream << "*";
        for (std::string_view field : fields_) request << field;
        sent.push_back(result);  // from here on its fate may be unknown
      }
      if (request.commands() > 0) command_.send(request);
    };
    send_chunk();
    while (answered < sent.size()) {
      std::size_t until = sent.size();
      if (next < events.size()) send_chunk();  // two chunks in flight keep the server busy
      for (; answered < until; ++answered) {
        Reply reply = command_.read();
        AppendResult& result = *sent[answered];
        if (reply.is_error()) {
          result = {AppendStatus::rejected,
                    {},
                    error_from(reply.text(), "publish to '" + settings_.stream + "'", command_.url().address())};
        } else {
          result = {AppendStatus::written, position_of(reply.text()), std::nullopt};
        }
      }
    }
  } catch (const Error& error) {
    give_up(error);
  } catch (const std::exception& error) {
    command_.disconnect();  // answers may be due that nobody will read
    give_up(Error(ErrorCode::internal, "redis-streams: cannot publish to '" + settings_.stream + "': " + error.what()));
  }
}

Error RedisBackend::refusal(const EventView& event, const std::string& why) const {
  return {ErrorCode::invalid_argument, "redis-streams: cannot publish event '" + std::string(event.id) + "' of type '" +
                                           std::string(event.type) + "' to '" + settings_.stream +
                                           "' in wire_format eventsource-py: " + why +
                                           "; change the event, or use wire_format eventbus"};
}

}  // namespace eventbus::redis_streams
