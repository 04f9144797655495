// Ids for events.
#pragma once

#include <string>

namespace eventbus {

// A UUIDv7 (RFC 9562) in its text form: 36 characters, globally unique, ordered by creation time to the millisecond,
// and strictly increasing within one thread. Threads: any; each has its own generator, also after fork.
std::string new_event_id();

}  // namespace eventbus
