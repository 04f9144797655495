#include "dead_letter.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace eventbus;
using namespace eventbus::redis_streams;

namespace {

std::vector<std::string_view> python_entry() {
  return {"event_id",       "0f8fad5b-d9cb-469f-a165-70867728950e",
          "event_type",     "OrderCreated",
          "aggregate_id",   "7c9e6679-7425-40de-944b-e07fc1f90ae7",
          "aggregate_type", "Order",
          "tenant_id",      "",
          "occurred_at",    "2026-11-23T19:50:50+00:00",
          "payload",        R"({"total":1.50})"};
}

std::vector<std::string_view> operator+(std::vector<std::string_view> a, std::vector<std::string_view> b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

const std::vector<std::string_view> three{
    "original_message_id", "5-1", "retry_count", "3", "dlq_timestamp", "1970-01-01T00:00:07.000001+00:00"};

}  // namespace

TEST_CASE("what a dead letter says is read as it was written") {
  DeadLetter letter;
  letter.original_position = {7, 1};
  letter.group = "g\t";
  letter.consumer = "c";
  letter.handler = "h\\";
  letter.attempts = 4;
  letter.first_failed = Timestamp{std::chrono::microseconds(11)};
  letter.last_failed = Timestamp{std::chrono::microseconds(22)};
  letter.reason = "two\nlines";
  std::string dead = dead_line(letter);
  CHECK(dead == "7-1\tg\\t\tc\th\\\\\t4\t11\t22\ttwo\\nlines");

  std::vector<std::string_view> eventbus_entry{"type", "T", "meta", "1\ti\t\t\t0\t0", "data", "{}"};
  for (const auto& fields : {eventbus_entry, python_entry() + three}) {
    DeadLetter read = read_dead_letter({9, 0}, fields + std::vector<std::string_view>{"dead", dead});
    CHECK(read.position == Position{9, 0});
    CHECK(read.original_position == Position{7, 1});
    CHECK(read.group == "g\t");
    CHECK(read.consumer == "c");
    CHECK(read.handler == "h\\");
    CHECK(read.attempts == 4);
    CHECK(read.first_failed == letter.first_failed);
    CHECK(read.last_failed == letter.last_failed);
    CHECK(read.reason == "two\nlines");
    CHECK_FALSE(read.event.type.empty());
  }
}

TEST_CASE("a dead letter that eventsource-py wrote tells what can be known") {
  DeadLetter read = read_dead_letter({9000, 0}, python_entry() + three);
  CHECK(read.event.type == "OrderCreated");
  CHECK(read.event.payload.bytes() == R"({"total":1.50})");
  CHECK(read.original_position == Position{5, 1});
  CHECK(read.attempts == 4);
  CHECK(read.last_failed == Timestamp{std::chrono::microseconds(7000001)});
  CHECK(read.first_failed == Timestamp{});
  CHECK(read.group.empty());
  CHECK(read.reason.empty());
}

TEST_CASE("a foreign entry among the dead letters has at least the time it was put there") {
  DeadLetter read = read_dead_letter({9000, 3}, std::vector<std::string_view>{"a", "b"});
  CHECK(read.last_failed == Timestamp{std::chrono::seconds(9)});
  CHECK(read.event.type.empty());
}
