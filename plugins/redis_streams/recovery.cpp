// What is pending: taken up again, taken over, delivered again, kept.
#include <algorithm>
#include <unordered_map>

#include "entries.hpp"
#include "redis_backend.hpp"
#include "scripts.hpp"

namespace eventbus::redis_streams {

Cursor RedisBackend::resume(std::size_t max, Cursor from, std::vector<Token>& tokens) {
  Reply page = command(make_request("XPENDING", settings_.stream, settings_.group, to_string(from), "+",
                                    static_cast<std::int64_t>(max), settings_.consumer),
                       "list what '" + settings_.consumer + "' held");
  for (std::size_t i = 0; i < page.size(); ++i) {
    tokens.push_back({position_of(page[i][0].text()), static_cast<std::uint32_t>(page[i][3].integer())});
  }
  return page.size() < max ? Cursor{} : position_of(page[page.size() - 1][0].text()).next();
}

ClaimResult RedisBackend::claim(milliseconds min_idle, std::size_t max, Cursor from) {
  ClaimResult result;
  result.next = from;
  if (max == 0) return result;
  Reply reply = command(make_request("XAUTOCLAIM", settings_.stream, settings_.group, settings_.consumer,
                                     static_cast<std::int64_t>(min_idle.count()), to_string(from), "COUNT",
                                     static_cast<std::int64_t>(max), "JUSTID"),
                        "claim idle events of '" + settings_.stream + "'");
  result.next = position_of(reply[0].text());
  for (std::size_t i = 0; i < reply[1].size(); ++i) result.tokens.push_back({position_of(reply[1][i].text()), 0});
  for (std::size_t i = 0; i < reply[2].size(); ++i) result.lost.push_back(position_of(reply[2][i].text()));
  result.checked = result.tokens.size() + result.lost.size();
  if (!result.tokens.empty()) {
    auto [low, high] = bounds_of(result.tokens);
    Reply pending =
        command(make_request("XPENDING", settings_.stream, settings_.group, low, high, "1000000", settings_.consumer),
                "read delivery counts");
    std::unordered_map<Position, std::uint32_t> counts;
    for (std::size_t i = 0; i < pending.size(); ++i) {
      counts[position_of(pending[i][0].text())] = static_cast<std::uint32_t>(pending[i][3].integer());
    }
    std::erase_if(result.tokens, [&](Token& token) {
      auto at = counts.find(token.position);
      if (at != counts.end()) token.attempt = at->second;
      return at == counts.end();
    });
  }
  if (result.next == Cursor{}) {
    try {
      write_mark();
      tidy();
    } catch (const Error& error) {
      if (error.code() == ErrorCode::unavailable || error.code() == ErrorCode::timed_out) throw;
      host_.log(LogLevel::debug, error.what());  // the older mark stands
    }
  }
  return result;
}

void RedisBackend::redeliver(std::span<const Token> tokens, bool count, std::span<HoldStatus> results,
                             DeliverySink& sink) {
  for (std::size_t begin = 0; begin < tokens.size(); begin += chunk_tokens) {
    auto chunk = tokens.subspan(begin, std::min(chunk_tokens, tokens.size() - begin));
    auto [low, high] = bounds_of(chunk);
    std::vector<std::string> keys{settings_.stream};
    std::vector<std::string> arguments{settings_.group, settings_.consumer, low, high, count ? "1" : "0"};
    for (const Token& token : chunk) {
      arguments.push_back(to_string(token.position));
      arguments.push_back(std::to_string(token.attempt));
    }
    Reply reply = run_script(scripts::redeliver, keys, arguments, "redeliver events of '" + settings_.stream + "'");
    EntryBatch batch;
    for (std::size_t i = 0; i < chunk.size(); ++i) {
      results[begin + i] = static_cast<HoldStatus>(reply[i][0].integer());
      if (results[begin + i] != HoldStatus::mine) continue;
      batch.add(chunk[i].position, reply[i][2], static_cast<std::uint32_t>(reply[i][1].integer()));
    }
    if (!batch.views().empty()) sink.delivered(batch.views());
  }
}

void RedisBackend::renew(std::span<const Token> tokens, std::span<HoldStatus> results) {
  if (has_name_ && keep_name() != "") {
    throw Error(ErrorCode::conflict, "redis-streams: cannot go on as '" + settings_.consumer + "' in group '" +
                                         settings_.group + "': another process took the name over");
  }
  for (std::size_t begin = 0; begin < tokens.size(); begin += chunk_tokens) {
    auto chunk = tokens.subspan(begin, std::min(chunk_tokens, tokens.size() - begin));
    auto [low, high] = bounds_of(chunk);
    std::vector<std::string> keys{settings_.stream};
    std::vector<std::string> arguments{settings_.group, settings_.consumer, low, high};
    for (const Token& token : chunk) {
      arguments.push_back(to_string(token.position));
      arguments.push_back(std::to_string(token.attempt));
    }
    Reply reply = run_script(scripts::renew, keys, arguments, "renew leases on '" + settings_.stream + "'");
    for (std::size_t i = 0; i < chunk.size(); ++i) results[begin + i] = static_cast<HoldStatus>(reply[i].integer());
  }
}

}  // namespace eventbus::redis_streams
