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
  std::size_t sent = 0, answered = 0;
  auto give_up = [&](const Error& error) {
    for (std::size_t i = answered; i < events.size(); ++i) {
      *events[i].second = i < sent ? AppendResult{AppendStatus::unknown, {}, Error(ErrorCode::timed_out, error.what())}
                                   : AppendResult{AppendStatus::rejected, {}, error};
    }
  };
  try {
    ensure_command_connection();
    Request request;
    std::string meta;
    auto send_chunk = [&] {
      request.clear();
      std::size_t end = sent;
      while (end < events.size() && end - sent < chunk_events && request.bytes().size() < chunk_bytes) {
        const EventView& event = *events[end++].first;
        encode_meta(event, meta);
        request.command(9) << "XADD" << settings_.stream << "*"
                           << "type" << event.type << "meta" << meta << "data" << event.payload;
      }
      sent = end;  // from here on its fate may be unknown
      command_.send(request);
    };
    if (!events.empty()) send_chunk();
    while (answered < events.size()) {
      std::size_t until = sent;
      if (sent < events.size()) send_chunk();  // two chunks in flight keep the server busy
      for (; answered < until; ++answered) {
        Reply reply = command_.read();
        AppendResult& result = *events[answered].second;
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

}  // namespace eventbus::redis_streams
