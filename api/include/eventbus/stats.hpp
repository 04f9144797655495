// What a bus tells about itself and its stream: counters, reports, health. Plain data.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <eventbus/position.hpp>

namespace eventbus {

// Counters since the bus was opened, each exact whenever the bus is idle. What was consumed is one of its outcomes:
//   consumed = success + failed + unhandled + released + lease_lost + abandoned + skipped_target + lost + in_flight
//   failed   = retried + dead_lettered + dropped
struct Stats {
  // publishing
  std::uint64_t published = 0;           // accepted by the backend
  std::uint64_t publish_rejected = 0;    // refused, by this bus' own checks or by the backend
  std::uint64_t publish_unknown = 0;     // the answer was lost
  std::uint64_t background_pending = 0;  // now waiting in the background queue
  std::uint64_t background_failed = 0;   // given up, and told to the error hook

  // deliveries, by outcome
  std::uint64_t consumed = 0;        // handed to this bus by the backend, retries and recoveries included
  std::uint64_t success = 0;         // acknowledged
  std::uint64_t failed = 0;          // failed attempts, undecodable entries among them
  std::uint64_t unhandled = 0;       // no handler of its type: settled as `on_unhandled` says
  std::uint64_t released = 0;        // given back with no attempt used
  std::uint64_t lease_lost = 0;      // taken over by another consumer before it was settled
  std::uint64_t abandoned = 0;       // still running when stopping ran out of time
  std::uint64_t skipped_target = 0;  // replayed for another group
  std::uint64_t lost = 0;            // trimmed away while pending
  std::uint64_t in_flight = 0;       // now held by this bus

  // failed attempts, by consequence
  std::uint64_t retried = 0;
  std::uint64_t dead_lettered = 0;
  std::uint64_t dropped = 0;  // after the last attempt, with dead letters disabled

  // of interest on their own
  std::uint64_t handler_errors = 0;    // handler calls that threw or asked for a retry or a dead letter
  std::uint64_t undecodable = 0;       // entries that are no event; also counted in `failed`
  std::uint64_t recovered = 0;         // deliveries taken over from a consumer's earlier life or from another consumer
  std::uint64_t settle_failed = 0;     // settlements that had to be sent again
  std::uint64_t reconnections = 0;     // connections restored after a loss
  std::uint64_t groups_recreated = 0;  // the group was gone and was made again

  std::uint64_t trimmed = 0;    // entries that this bus trimmed from the stream
  std::uint64_t trim_lost = 0;  // of these, entries that a group still needed (`trim.hard_max_length`)

  std::uint64_t parked = 0;  // now waiting for a retry, or behind one, as a token without payload
};

struct StreamInfo {
  struct Consumer {
    std::string name;
    std::uint64_t pending = 0;
    std::optional<std::chrono::milliseconds> idle;
  };
  struct Group {
    std::string name;
    std::uint64_t pending = 0;         // delivered and not yet settled
    std::optional<std::uint64_t> lag;  // not yet delivered; nullopt: the backend can't tell
    std::optional<Position> last_delivered;
    std::vector<Consumer> consumers;
  };

  std::string stream;
  std::string dead_letter_stream;
  bool exists = false;
  std::uint64_t length = 0;  // entries the stream holds, settled ones included
  std::optional<Position> first;
  std::optional<Position> last;
  std::vector<Group> groups;
  std::optional<std::uint64_t> dead_letters;  // nullopt: the backend keeps none
};

enum class HealthStatus { green, yellow, red };

struct Health {
  HealthStatus status = HealthStatus::green;
  bool connected = false;
  bool consuming = false;
  std::vector<std::string> problems;                         // why it is not green, for people
  std::vector<std::string> incidents;                        // what happened since the bus was opened and healed
  std::optional<std::chrono::milliseconds> since_last_read;  // since the backend last answered a read
  std::optional<std::uint64_t> lag;
  std::optional<std::uint64_t> pending;
  std::optional<std::uint64_t> dead_letters;
};

// What stop_consuming did with the deliveries that the bus held.
struct DrainReport {
  std::uint64_t finished = 0;   // their handlers ran to the end and their outcome was settled
  std::uint64_t released = 0;   // given back unstarted, with no attempt used
  std::uint64_t abandoned = 0;  // still running at the deadline; they are delivered again when their lease ends
  std::vector<std::string> abandoned_names;  // handler and event of each
  bool requested = false;  // called inside a delivery: the stop happens after it, and the counts above are zero
};

struct RecoveryOptions {
  std::optional<std::chrono::milliseconds> min_idle{};  // default: `pending_idle_ms`; below it `force` is needed
  std::optional<std::uint32_t> max_retries{};           // default: the configured one
  std::size_t batch_size = 0;                           // 0: the configured one
  bool force = false;
};

// What one recovery sweep did, by real outcome.
struct RecoveryReport {
  std::uint64_t checked = 0;        // pending entries looked at, as far as the backend tells
  std::uint64_t claimed = 0;        // taken over
  std::uint64_t reprocessed = 0;    // handled and settled
  std::uint64_t dead_lettered = 0;  // or dropped, where dead letters are disabled
  std::uint64_t failed = 0;         // failed attempts; they are retried
  std::uint64_t lost = 0;           // trimmed away while pending
  bool requested = false;  // called inside a delivery: the sweep happens after it, and the counts above are zero
  bool cancelled = false;  // the bus stopped before every outcome was known
};

// What a backend promises and offers. `require` in the configuration names these fields.
struct Capabilities {
  bool durable = false;              // accepted events survive the end of every process
  bool cross_process = false;        // buses in other processes see the same stream
  bool competing_consumers = false;  // several consumers of one group share its events
  bool ordered = false;              // a group is handed events in the order of the stream
  bool inline_dispatch = false;      // publish runs the handlers before it returns
  bool dead_letters = false;
  bool history = false;
  bool inspection = false;
  bool retention = false;
  bool idempotency = false;             // remembers which events a handler is done with, for once()
  std::uint64_t max_payload_bytes = 0;  // 0: no limit of its own
};

}  // namespace eventbus
