#include "dead_letter.hpp"

#include <charconv>

#include "wire.hpp"

namespace eventbus::redis_streams {
namespace {

std::int64_t number_of(std::string_view text) {
  std::int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

void read_dead_line(std::string_view dead, DeadLetter& letter) {
  std::string memory;
  std::vector<std::string_view> values;
  split_line(dead, memory, values);
  values.resize(8);
  letter.original_position = parse_position(values[0]).value_or(Position{});
  letter.group = values[1];
  letter.consumer = values[2];
  letter.handler = values[3];
  letter.attempts = static_cast<std::uint32_t>(number_of(values[4]));
  letter.first_failed = Timestamp{std::chrono::microseconds(number_of(values[5]))};
  letter.last_failed = Timestamp{std::chrono::microseconds(number_of(values[6]))};
  letter.reason = values[7];
}

}  // namespace

std::string dead_line(const DeadLetter& letter) {
  std::string line = to_string(letter.original_position);
  auto add = [&](std::string_view value) {
    line += '\t';
    escape_into(value, line);
  };
  add(letter.group);
  add(letter.consumer);
  add(letter.handler);
  add(std::to_string(letter.attempts));
  add(std::to_string(letter.first_failed.time_since_epoch().count()));
  add(std::to_string(letter.last_failed.time_since_epoch().count()));
  add(letter.reason);
  return line;
}

DeadLetter read_dead_letter(Position position, std::span<const std::string_view> fields) {
  DeadLetter letter;
  letter.position = position;
  // Without more, the time when it was put here.
  letter.last_failed = Timestamp{milliseconds(position.high)};
  Decoder decoder;
  EventView view;
  decoder.decode(fields, view);  // what is no event shows what could be read of it
  assign(letter.event, view);
  bool python = eventsource_py::is_entry(fields);
  std::string_view dead;
  for (std::size_t i = 0; i + 1 < fields.size(); i += 2) {
    std::string_view name = fields[i], value = fields[i + 1];
    if (name == "dead") dead = value;
    if (!python) continue;
    if (name == "original_message_id") letter.original_position = parse_position(value).value_or(Position{});
    if (name == "retry_count") letter.attempts = static_cast<std::uint32_t>(number_of(value)) + 1;
    if (name == "dlq_timestamp") letter.last_failed = eventsource_py::parse_time(value).value_or(letter.last_failed);
  }
  if (!dead.empty()) read_dead_line(dead, letter);
  return letter;
}

}  // namespace eventbus::redis_streams
