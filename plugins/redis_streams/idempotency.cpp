// What handlers are done with: a key each under <prefix>:once:, that Redis lets expire.
#include "redis_backend.hpp"
#include "scripts.hpp"

namespace eventbus::redis_streams {
namespace {

constexpr std::string_view done = "done";
std::string claim_of(std::string_view owner) { return "claim " + std::string(owner); }

}  // namespace

std::string RedisBackend::once_key(std::string_view key) const {
  return settings_.stream_prefix + ":once:" + std::string(key);
}

IdempotencyStore::Claim RedisBackend::begin(std::string_view key, std::string_view owner, milliseconds lease) {
  const std::vector<std::string> keys{once_key(key)};
  const std::vector<std::string> arguments{claim_of(owner), std::to_string(std::max<std::int64_t>(lease.count(), 1)),
                                           std::string(done)};
  const auto claim = run_script(scripts::begin_once, keys, arguments, "claim '" + keys[0] + "'").integer();
  return claim == 1 ? Claim::fresh : claim == 3 ? Claim::done : Claim::busy;
}

void RedisBackend::finish(std::string_view key, milliseconds window) {
  const std::string name = once_key(key);
  command(make_request("SET", name, done, "PX", std::max<std::int64_t>(window.count(), 1)), "remember '" + name + "'");
}

void RedisBackend::cancel(std::string_view key, std::string_view owner) {
  const std::vector<std::string> keys{once_key(key)};
  const std::vector<std::string> arguments{claim_of(owner)};
  run_script(scripts::cancel_once, keys, arguments, "free '" + keys[0] + "'");
}

}  // namespace eventbus::redis_streams
