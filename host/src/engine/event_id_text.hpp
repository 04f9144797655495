// How an event id looks.
#pragma once

#include <cstdint>
#include <string>

namespace eventbus::host {

// A UUIDv7 of a time in milliseconds since 1970, 26 bits of sequence and 48 random bits.
std::string event_id_text(std::uint64_t ms, std::uint32_t sequence, std::uint64_t random);

}  // namespace eventbus::host
