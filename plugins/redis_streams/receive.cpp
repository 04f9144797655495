// Reading: blocking reads with the acknowledgements in the same write, waiting without taking, and waking.
#include <thread>

#include "redis_backend.hpp"

namespace eventbus::redis_streams {

void RedisBackend::Reader::restore(BackendHost& host) {
  if (connection.is_usable()) return;
  connection.connect();
  id = connection.client_id();
  if (std::exchange(was_connected, true)) host.signal(BackendSignal::reconnected, 1);
}

void RedisBackend::Reader::forget() noexcept {
  connection.disconnect();
  id = 0;
  was_connected = false;
}

// Reads until the answer comes or a wake ends it; `request` was given `block`, the milliseconds it may block.
Reply RedisBackend::Reader::finish(milliseconds block) {
  Reply reply = connection.read(block);
  blocked = false;
  woken = false;
  return reply;
}

void RedisBackend::receive(std::size_t max, milliseconds wait, std::span<const Settlement> settlements,
                           ReceiveSink& sink) {
  if (max == 0) {  // may overlap another receive, so it has a connection of its own
    if (!settlements.empty()) {
      std::vector<SettleResult> results(settlements.size());
      settle(settlements, results);
      sink.settled(results);
    }
    if (wait.count() > 0) watch(wait);
    return;
  }
  if (!reader_.connection.is_connected()) {
    throw Error(ErrorCode::unavailable,
                "redis-streams: cannot read from " + address() + ": the connection is lost and will be restored");
  }
  std::vector<SettleResult> results(settlements.size());
  std::vector<std::size_t> plain, guarded;
  sort_settlements(settlements, plain, guarded);
  if (!guarded.empty()) settle_guarded(settlements, guarded, results);
  read_request_.clear();
  if (!plain.empty()) add_acknowledgement(settlements, plain, read_request_);
  reader_.blocked = true;
  bool block = !reader_.woken.exchange(false) && wait.count() > 0;
  // BLOCK 0 would wait for ever.
  read_request_.command(block ? 11 : 9) << "XREADGROUP"
                                        << "GROUP" << settings_.group << settings_.consumer << "COUNT"
                                        << static_cast<std::int64_t>(max);
  if (block) read_request_ << "BLOCK" << static_cast<std::int64_t>(wait.count());
  read_request_ << "STREAMS" << settings_.stream << ">";
  try {
    reader_.connection.send(read_request_);
    if (!plain.empty()) {
      Reply acknowledged = reader_.connection.read(block ? wait : milliseconds{0});
      SettleResult outcome{SettleStatus::done, false, {}};
      if (acknowledged.is_error()) {
        Error error = error_from(acknowledged.text(), "acknowledge events of '" + settings_.stream + "'", address());
        outcome = {SettleStatus::failed, error.retryable(), error.what()};
      }
      for (std::size_t i : plain) results[i] = outcome;
    }
    if (!settlements.empty()) sink.settled(results);
    Reply reply = reader_.finish(block ? wait : milliseconds{0});
    if (reply.is_error()) {
      throw error_from(reply.text(), "read '" + settings_.stream + "' as group '" + settings_.group + "'", address());
    }
    ReplyPart entries = reply[0][1];
    batch_.clear();
    for (std::size_t i = 0; i < entries.size(); ++i) batch_.add(entries[i], 1);
    if (entries.size() > 0) sink.delivered(batch_.views());
  } catch (...) {
    reader_.blocked = false;
    throw;
  }
}

void RedisBackend::watch(milliseconds wait) {
  watcher_.restore(host_);
  Connection& connection = watcher_.connection;
  std::string doing = "look for events of '" + settings_.stream + "'";
  watcher_.blocked = true;
  try {
    Reply groups = connection.call(make_request("XINFO", "GROUPS", settings_.stream), doing);
    std::string seen;
    for (std::size_t i = 0; i < groups.size(); ++i) {
      if (groups[i].field("name").text() == settings_.group) seen = groups[i].field("last-delivered-id").text();
    }
    if (seen.empty()) throw error_from("NOGROUP no group '" + settings_.group + "'", doing, address());
    if (!watcher_.woken.exchange(false)) {
      connection.send(make_request("XREAD", "COUNT", "1", "BLOCK", static_cast<std::int64_t>(wait.count()), "STREAMS",
                                   settings_.stream, seen));
      Reply reply = watcher_.finish(wait);
      if (reply.is_error()) throw error_from(reply.text(), doing, address());
    }
    watcher_.blocked = false;
  } catch (...) {
    watcher_.blocked = false;
    throw;
  }
}

void RedisBackend::wake() noexcept {
  Reader* const readers[] = {&reader_, &watcher_};
  for (Reader* reader : readers) reader->woken = true;
  for (Reader* reader : readers) {
    // The read may be on its way to the server still: repeat until it came back.
    for (int i = 0; i < 2000 && reader->blocked && reader->woken; ++i) {
      try {
        std::int64_t id = reader->id;
        if (id == 0) break;
        command(make_request("CLIENT", "UNBLOCK", id), "wake the reader");
      } catch (const std::exception&) {
        return;  // the reader ends with its own connection's time-out
      }
      std::this_thread::sleep_for(milliseconds{1});
    }
  }
}

}  // namespace eventbus::redis_streams
