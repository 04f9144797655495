// Settling: plain acknowledgements in one variadic command, all else in one atomic script a chunk.
#include <algorithm>

#include "dead_letter.hpp"
#include "redis_backend.hpp"
#include "scripts.hpp"

namespace eventbus::redis_streams {
namespace {

constexpr const char* claimable_at_once = "999999999";  // an idle time beyond any lease

SettleResult failure(const Error& error) {
  return {error.code() == ErrorCode::timed_out ? SettleStatus::unknown : SettleStatus::failed, error.retryable(),
          error.what()};
}

std::string dead_line_of(const Settlement& settlement, const BackendSettings& settings) {
  const DeadLetterReason& why = *settlement.dead;
  DeadLetter letter;
  letter.original_position = settlement.token.position;
  letter.group = settings.group;
  letter.consumer = settings.consumer;
  letter.handler = why.handler;
  letter.attempts = why.attempts;
  letter.first_failed = why.first_failed;
  letter.last_failed = why.last_failed;
  letter.reason = why.reason;
  return dead_line(letter);
}

}  // namespace

void RedisBackend::sort_settlements(std::span<const Settlement> settlements, std::vector<std::size_t>& plain,
                                    std::vector<std::size_t>& guarded) {
  for (std::size_t i = 0; i < settlements.size(); ++i) {
    const Settlement& one = settlements[i];
    bool acknowledges = one.action == SettleAction::ack || one.action == SettleAction::drop;
    (acknowledges && !one.guarded ? plain : guarded).push_back(i);
  }
}

void RedisBackend::add_acknowledgement(std::span<const Settlement> settlements, std::span<const std::size_t> which,
                                       Request& request) const {
  request.command(3 + which.size()) << "XACK" << settings_.stream << settings_.group;
  for (std::size_t i : which) request << to_string(settlements[i].token.position);
}

void RedisBackend::settle(std::span<const Settlement> settlements, std::span<SettleResult> results) {
  std::vector<std::size_t> plain, guarded;
  sort_settlements(settlements, plain, guarded);
  if (!plain.empty()) {
    Request request;
    add_acknowledgement(settlements, plain, request);
    SettleResult outcome{SettleStatus::done, false, {}};
    try {
      command(request, "acknowledge events of '" + settings_.stream + "'");
    } catch (const Error& error) {
      outcome = failure(error);
    }
    for (std::size_t i : plain) results[i] = outcome;
  }
  if (!guarded.empty()) settle_guarded(settlements, guarded, results);
}

void RedisBackend::settle_guarded(std::span<const Settlement> settlements, std::span<const std::size_t> which,
                                  std::span<SettleResult> results) {
  while (!which.empty()) {
    std::vector<std::size_t> chunk(which.begin(),
                                   which.begin() + static_cast<std::ptrdiff_t>(std::min(chunk_tokens, which.size())));
    which = which.subspan(chunk.size());
    while (!chunk.empty()) chunk = settle_chunk(settlements, chunk, results);
  }
}

// Returns those that were not looked at, since the dead letters before them were large.
std::vector<std::size_t> RedisBackend::settle_chunk(std::span<const Settlement> settlements,
                                                    std::span<const std::size_t> chunk,
                                                    std::span<SettleResult> results) {
  std::vector<Token> tokens;
  for (std::size_t i : chunk) tokens.push_back(settlements[i].token);
  auto [low, high] = bounds_of(tokens);
  std::vector<std::string> keys{settings_.stream, settings_.dead_letter_stream};
  std::vector<std::string> arguments{settings_.group,
                                     settings_.consumer,
                                     low,
                                     high,
                                     std::to_string(settings_.dead_letter_max_length),
                                     eventsource_py::time_text(host_.utc_now(), "+00:00")};
  for (std::size_t i : chunk) {
    const Settlement& one = settlements[i];
    bool dead = one.action == SettleAction::dead_letter, release = one.action == SettleAction::release;
    arguments.emplace_back(dead ? "d" : release ? "r" : "a");
    arguments.push_back(to_string(one.token.position));
    arguments.push_back(std::to_string(one.token.attempt));
    auto wait = std::clamp(one.release_delay, milliseconds{0}, settings_.lease);
    arguments.push_back(dead                          ? dead_line_of(one, settings_)
                        : release && wait.count() > 0 ? std::to_string((settings_.lease - wait).count())
                                                      : claimable_at_once);
    arguments.push_back(std::to_string(dead ? retries(one.dead->attempts) : one.release_count));
  }
  std::vector<std::size_t> left;
  try {
    Reply reply = run_script(scripts::settle, keys, arguments, "settle events of '" + settings_.stream + "'");
    for (std::size_t i = 0; i < chunk.size(); ++i) {
      ReplyPart answer = reply[i];
      if (!answer.text().empty()) {
        Error error = error_from(answer.text(), "write to '" + settings_.dead_letter_stream + "'", address());
        results[chunk[i]] = {SettleStatus::failed, error.retryable(), error.what()};
      } else if (answer.integer() == 0) {
        left.push_back(chunk[i]);
      } else {
        results[chunk[i]] = {static_cast<SettleStatus>(answer.integer()), false, {}};
      }
    }
  } catch (const Error& error) {
    for (std::size_t i : chunk) results[i] = failure(error);
  }
  return left;
}

}  // namespace eventbus::redis_streams
