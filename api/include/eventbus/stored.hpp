// Events at rest: dead letters and history, and how to ask for them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <eventbus/event.hpp>

namespace eventbus {

struct DeadLetter {
  Position position;  // in the dead-letter stream
  Event event;        // as published; empty but for what could be read if the entry was no event
  Position original_position;
  std::string group;
  std::string consumer;
  std::string handler;
  std::uint32_t attempts = 0;
  std::string reason;
  Timestamp first_failed{};
  Timestamp last_failed{};
};

struct DeadLetterQuery {
  Position after = Position::first();  // exclusive, so the last position of a page continues it
  std::size_t limit = 100;
  std::string type{};   // empty: every type
  std::string group{};  // empty: every group
};

struct DeadLetterPage {
  std::vector<DeadLetter> entries;
  std::optional<Position> next;  // pass as `after` for the next page; nullopt: this was the last
};

struct PurgeQuery {
  std::vector<Position> positions{};      // these, or
  std::optional<Timestamp> older_than{};  // those that failed last before this, or
  bool all = false;                       // all
};

struct HistoryQuery {
  Position from = Position::first();     // inclusive
  Position to = Position::last();        // inclusive
  std::optional<Timestamp> from_time{};  // accepted by the backend at this time or later; narrows `from`
  std::optional<Timestamp> to_time{};    // accepted before this time; narrows `to`
  std::size_t limit = 1000;
};

struct HistoryEntry {
  Position position;
  Event event;
  std::string undecodable;  // why this entry is no event; empty if it is one
};

struct HistoryPage {
  std::vector<HistoryEntry> entries;
  std::optional<Position> next;  // pass as `from` for the next page; nullopt: this was the last
};

}  // namespace eventbus
