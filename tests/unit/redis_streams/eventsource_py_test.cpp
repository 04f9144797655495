// A stream shared with services that use eventsource-py. Its entries are crafted as that library writes them.
#include <catch2/catch_test_macros.hpp>

#include "backend_fixture.hpp"

using namespace eventbus;
using eventbus::redis_streams::Reply;
using namespace eventbus::redis_streams::testing;

namespace {

constexpr const char* id = "0f8fad5b-d9cb-469f-a165-70867728950e";
constexpr const char* aggregate = "7c9e6679-7425-40de-944b-e07fc1f90ae7";
const std::string payload =
    R"({"event_id":"0f8fad5b-d9cb-469f-a165-70867728950e","event_type":"OrderCreated","event_version":1,)"
    R"("occurred_at":"2026-11-23T19:50:50.372516Z","aggregate_id":"7c9e6679-7425-40de-944b-e07fc1f90ae7",)"
    R"("aggregate_type":"Order","aggregate_version":3,"tenant_id":null,"actor_id":null,)"
    R"("correlation_id":"16fd2706-8baf-433b-82eb-8c7fada847da","causation_id":null,"metadata":{},"total":99.90})";

struct PythonWorld : World {
  PythonWorld() { wire_format = "eventsource-py"; }

  // As the library publishes.
  void python_publishes() {
    redis("XADD", stream(), "*", "event_id", id, "event_type", "OrderCreated", "aggregate_id", aggregate,
          "aggregate_type", "Order", "tenant_id", "", "occurred_at", "2026-11-23T19:50:50.372516+00:00", "payload",
          payload);
  }
  std::vector<std::string> fields_of(const std::string& key) {
    Reply range = redis("XRANGE", key, "-", "+");
    REQUIRE(range.size() == 1);
    std::vector<std::string> out;
    for (std::size_t i = 0; i < range[0][1].size(); ++i) out.emplace_back(range[0][1][i].text());
    return out;
  }
};

Event order() {
  Event event;
  event.id = id;
  event.type = "OrderCreated";
  event.aggregate_id = aggregate;
  event.aggregate_type = "Order";
  event.aggregate_version = 3;
  event.occurred_at = Timestamp{std::chrono::microseconds(1795463450372516)};
  event.headers.set("correlation_id", "16fd2706-8baf-433b-82eb-8c7fada847da");
  event.payload.assign(R"({"total":99.90})");
  return event;
}

Settlement dead(const Token& token) {
  static const DeadLetterReason reason{"handler", "why", 4, Timestamp{std::chrono::microseconds(1)},
                                       Timestamp{std::chrono::microseconds(2)}};
  Settlement one = settlement(token, SettleAction::dead_letter);
  one.dead = &reason;
  return one;
}

struct Letters final : DeadLetterStore::Sink {
  void entry(const DeadLetter& entry) override { got.push_back(entry); }
  std::vector<DeadLetter> got;
};

std::vector<DeadLetter> letters(Backend& backend) {
  Letters sink;
  backend.dead_letter_store()->list({}, sink);
  return sink.got;
}

}  // namespace

TEST_CASE("what is published is the entry that eventsource-py writes") {
  PythonWorld ours, theirs;
  auto backend = ours.publisher();
  REQUIRE(publish(*backend, {order()})[0].status == AppendStatus::written);
  theirs.python_publishes();
  CHECK(ours.fields_of(ours.stream()) == theirs.fields_of(theirs.stream()));
}

TEST_CASE("a consumer reads both formats whichever it writes") {
  for (const char* format : {"eventbus", "eventsource-py"}) {
    PythonWorld world;
    world.wire_format = format;
    auto backend = world.consumer();
    world.python_publishes();
    world.redis("XADD", world.stream(), "*", "type", "T", "meta", "1\ti\t\t\t0\t0", "data", "{}");
    auto got = take(*backend, 10);
    REQUIRE(got.size() == 2);
    CHECK(got[0].undecodable.empty());
    CHECK(got[0].event.type == "OrderCreated");
    CHECK(got[0].event.aggregate_version == 3);
    CHECK(got[0].event.payload.bytes() == R"({"total":99.90})");
    CHECK(got[0].event.headers.get("correlation_id") == "16fd2706-8baf-433b-82eb-8c7fada847da");
    CHECK(got[1].event.type == "T");
  }
}

TEST_CASE("an event that the format can't carry is refused by name, and the others of the list are written") {
  PythonWorld world;
  auto backend = world.consumer();
  std::vector<Event> list;
  for (int i = 0; i < 250; ++i) list.push_back(order());
  list[0].aggregate_id = "order-7";
  list[120].payload.assign("{\"x\":NaN}");
  list[249].id = "last";
  auto results = publish(*backend, list);
  for (std::size_t i = 0; i < results.size(); ++i) {
    bool refused = i == 0 || i == 120 || i == 249;
    REQUIRE(results[i].status == (refused ? AppendStatus::rejected : AppendStatus::written));
  }
  CHECK(results[0].error->code() == ErrorCode::invalid_argument);
  CHECK_FALSE(results[0].error->retryable());
  std::string text = results[0].error->what();
  CHECK(text.find("event '" + std::string(id) + "' of type 'OrderCreated'") != std::string::npos);
  CHECK(text.find("aggregate_id 'order-7' is no UUID") != std::string::npos);
  CHECK(take(*backend, 1000).size() == 247);
}

TEST_CASE("a dead letter of that format is what eventsource-py writes, and then why") {
  PythonWorld world;
  world.wire_format = "eventbus";  // the entry decides, not the configuration
  auto backend = world.consumer();
  world.python_publishes();
  auto original = world.fields_of(world.stream());
  auto got = take(*backend, 1);
  REQUIRE(settle_one(*backend, dead(got.at(0).token)).status == SettleStatus::done);
  auto fields = world.fields_of(world.dead_letters());
  REQUIRE(fields.size() == original.size() + 8);
  CHECK(std::vector<std::string>(fields.begin(), fields.begin() + 14) == original);
  CHECK(fields[14] == "original_message_id");
  CHECK(fields[15] == to_string(got[0].token.position));
  CHECK(fields[16] == "retry_count");
  CHECK(fields[17] == "3");
  CHECK(fields[18] == "dlq_timestamp");
  CHECK(fields[19].ends_with("+00:00"));
  CHECK(redis_streams::eventsource_py::parse_time(fields[19]));
  CHECK(fields[20] == "dead");
  auto listed = letters(*backend);
  REQUIRE(listed.size() == 1);
  CHECK(listed[0].reason == "why");
  CHECK(listed[0].attempts == 4);
  CHECK(listed[0].event.payload.bytes() == R"({"total":99.90})");

  // A replay is the original again.
  REQUIRE(backend->dead_letter_store()->replay(listed[0].position, ""));
  world.redis("XDEL", world.stream(), to_string(got[0].token.position));
  CHECK(world.fields_of(world.stream()) == original);
}

TEST_CASE("a dead letter that eventsource-py wrote is listed and replayed") {
  PythonWorld world;
  auto backend = world.consumer();
  world.redis("XADD", world.dead_letters(), "*", "event_id", id, "event_type", "OrderCreated", "aggregate_id",
              aggregate, "aggregate_type", "Order", "tenant_id", "", "occurred_at", "2026-11-23T19:50:50.372516+00:00",
              "payload", payload, "original_message_id", "5-1", "retry_count", "3", "dlq_timestamp",
              "2026-11-23T19:55:00.000001+00:00");
  auto listed = letters(*backend);
  REQUIRE(listed.size() == 1);
  CHECK(listed[0].original_position == Position{5, 1});
  CHECK(listed[0].attempts == 4);
  CHECK(listed[0].event.type == "OrderCreated");
  REQUIRE(backend->dead_letter_store()->replay(listed[0].position, "g"));
  auto fields = world.fields_of(world.stream());
  REQUIRE(fields.size() == 16);
  CHECK(fields[12] == "payload");
  CHECK(fields[14] == "only_group");
  auto got = take(*backend, 1);
  CHECK(got.at(0).only_group == "g");
}

TEST_CASE("an entry that eventsource-py replayed with our field left on it dies with one such field") {
  PythonWorld world;
  auto backend = world.consumer();
  world.redis("XADD", world.stream(), "*", "event_id", id, "event_type", "OrderCreated", "aggregate_id", aggregate,
              "aggregate_type", "Order", "tenant_id", "", "occurred_at", "2026-11-23T19:50:50.372516+00:00", "payload",
              payload, "dead", "1-1\told\told\told\t9\t0\t0\told");
  auto got = take(*backend, 1);
  REQUIRE(settle_one(*backend, dead(got.at(0).token)).status == SettleStatus::done);
  CHECK(world.fields_of(world.dead_letters()).size() == 22);
  CHECK(letters(*backend).at(0).reason == "why");
}

TEST_CASE("dead letters are put back in the format that is written, or in the one that can carry them") {
  PythonWorld world;
  auto backend = world.consumer();
  DeadLetter good, other;
  good.event = order();
  good.attempts = 4;
  good.reason = "why";
  good.last_failed = Timestamp{std::chrono::microseconds(1795463450372516)};
  other.event = events(1)[0];
  std::vector<DeadLetter> both{good, other};
  CHECK(backend->dead_letter_store()->add(both) == 2);
  Reply raw = world.redis("XRANGE", world.dead_letters(), "-", "+");
  CHECK(raw[0][1].size() == 22);
  CHECK(raw[0][1].field("dlq_timestamp").text() == "2026-11-23T19:50:50.372516+00:00");
  CHECK(raw[1][1].size() == 8);
  auto listed = letters(*backend);
  REQUIRE(listed.size() == 2);
  CHECK(listed[0].event.payload == good.event.payload);
  CHECK(listed[0].reason == "why");
  CHECK(listed[1].event.id == "id0");
}
