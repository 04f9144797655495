// A dead letter as an entry: the original fields verbatim, then `dead`, one line in the grammar of meta. An entry in
// the format eventsource-py has that library's three fields before `dead`. No I/O here.
#pragma once

#include <eventbus/backend.hpp>
#include <span>
#include <string>
#include <string_view>

namespace eventbus::redis_streams {

// The field `dead`, of all that a dead letter says beside its event.
std::string dead_line(const DeadLetter& letter);

// The field `retry_count`.
constexpr std::uint32_t retries(std::uint32_t attempts) { return attempts > 0 ? attempts - 1 : 0; }

// Reads an entry of the dead-letter stream, whoever wrote it: what is not told stays empty. `fields` are names and
// values in turn.
DeadLetter read_dead_letter(Position position, std::span<const std::string_view> fields);

}  // namespace eventbus::redis_streams
