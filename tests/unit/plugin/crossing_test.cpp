// What crosses the edge arrives as it left.
#include <catch2/catch_test_macros.hpp>

#include "fixture.hpp"

extern "C" std::uint32_t eventbus_test_abi_of_c(void);

#include <eventbus/plugin_abi.h>

namespace eventbus::host::test {
namespace {

std::unique_ptr<Backend> memory_plugin(BackendHost& host, const std::string& broker) {
  auto backend = Plugin::load(MEMORY_PLUGIN)->create(settings(broker), host);
  backend->open(Role::consumer, StartFrom::earliest());
  return backend;
}

TEST_CASE("C and C++ see the same layout") {
  CHECK(eventbus_test_abi_of_c() == (sizeof(eb_functions) << 16 | sizeof(eb_delivery)));
}

TEST_CASE("an event crosses whole, and is settled") {
  RecordingHost host;
  auto backend = memory_plugin(host, "whole");
  Event sent = event("OrderCreated", std::string_view("\0\xff {\"n\": 1}\n", 13));
  sent.aggregate_id = "order-1";
  sent.aggregate_type = "Order";
  sent.aggregate_version = -7;
  sent.occurred_at = Timestamp(std::chrono::microseconds(1234567890123456));
  sent.headers = {{"tenant_id", "t"}, {"zürich", "\t=x"}, {"empty", ""}};
  std::vector<Event> events{sent, event("OrderPaid", "")};
  std::vector<AppendResult> results(2);
  backend->append(events, results);
  REQUIRE(results[0].status == AppendStatus::written);
  REQUIRE(results[1].status == AppendStatus::written);
  CHECK(results[0].position < results[1].position);

  KeepingSink sink;
  backend->receive(10, milliseconds(0), {}, sink);
  REQUIRE(sink.deliveries.size() == 2);
  CHECK(sink.deliveries[0].event == sent);
  CHECK(sink.deliveries[0].token == Token{results[0].position, 1});
  CHECK(sink.deliveries[1].event.payload.bytes().empty());

  std::vector<Settlement> settlements(2);
  settlements[0].token = sink.deliveries[0].token;
  settlements[1].token = {results[1].position, 9};
  settlements[1].guarded = true;
  backend->receive(10, milliseconds(0), settlements, sink);
  REQUIRE(sink.results.size() == 2);
  CHECK(sink.results[0].status == SettleStatus::done);
  CHECK(sink.results[1].status == SettleStatus::not_mine);
  backend->close();
}

TEST_CASE("dead letters, history, inspection cross; redeliver counts") {
  RecordingHost host;
  auto backend = memory_plugin(host, "facets");
  std::vector<Event> events{event("A", "one"), event("B", "two")};
  std::vector<AppendResult> results(2);
  backend->append(events, results);
  KeepingSink sink;
  backend->receive(10, milliseconds(0), {}, sink);
  REQUIRE(sink.deliveries.size() == 2);

  std::vector<Token> tokens{sink.deliveries[0].token};
  std::vector<HoldStatus> statuses(1);
  KeepingSink again;
  backend->redeliver(tokens, true, statuses, again);
  CHECK(statuses[0] == HoldStatus::mine);
  REQUIRE(again.deliveries.size() == 1);
  CHECK(again.deliveries[0].token.attempt == 2);
  CHECK(again.deliveries[0].event.payload == Payload("one"));

  DeadLetterReason reason{"handler", "it broke", 2, Timestamp(std::chrono::seconds(5)),
                          Timestamp(std::chrono::seconds(6))};
  std::vector<Settlement> settlements(1);
  settlements[0] = {again.deliveries[0].token, SettleAction::dead_letter, true, 0, milliseconds(0), &reason};
  std::vector<SettleResult> settled(1);
  backend->settle(settlements, settled);
  CHECK(settled[0].status == SettleStatus::done);

  struct Letters final : DeadLetterStore::Sink {
    void entry(const DeadLetter& entry) override { kept.push_back(entry); }
    std::vector<DeadLetter> kept;
  } letters;
  REQUIRE(backend->dead_letter_store());
  CHECK_FALSE(backend->dead_letter_store()->list({}, letters));
  REQUIRE(letters.kept.size() == 1);
  CHECK(letters.kept[0].event.payload == Payload("one"));
  CHECK(letters.kept[0].reason == "it broke");
  CHECK(letters.kept[0].attempts == 2);
  CHECK(letters.kept[0].last_failed == reason.last_failed);
  CHECK(letters.kept[0].original_position == results[0].position);

  REQUIRE(backend->history());
  KeepingSink history;
  CHECK(backend->history()->read({.limit = 1}, history) == results[1].position);
  REQUIRE(history.deliveries.size() == 1);

  REQUIRE(backend->inspection());
  StreamInfo info = backend->inspection()->stream_info();
  CHECK(info.exists);
  CHECK(info.length == 2);
  CHECK(info.last == results[1].position);
  CHECK(info.dead_letters == 1);
  REQUIRE(info.groups.size() == 1);
  CHECK(info.groups[0].name == "group");
  CHECK(info.groups[0].pending == 1);
  REQUIRE(info.groups[0].consumers.size() == 1);
  CHECK(info.groups[0].consumers[0].name == "consumer");
}

TEST_CASE("what handlers are done with crosses, and so do its errors") {
  RecordingHost host;
  auto backend = memory_plugin(host, "idempotency");
  using Claim = IdempotencyStore::Claim;
  IdempotencyStore* store = backend->idempotency_store();
  REQUIRE(store);
  CHECK(store->begin("key", "one", milliseconds(60000)) == Claim::fresh);
  CHECK(store->begin("key", "two", milliseconds(60000)) == Claim::busy);
  store->cancel("key", "two");
  CHECK(store->begin("key", "two", milliseconds(60000)) == Claim::busy);
  store->cancel("key", "one");
  CHECK(store->begin("key", "two", milliseconds(60000)) == Claim::fresh);
  store->finish("key", milliseconds(60000));
  CHECK(store->begin("key", "one", milliseconds(60000)) == Claim::done);
  backend->close();
  const auto error = error_of([&] { store->finish("key", milliseconds(1)); });
  REQUIRE(error);
  CHECK(error->code() == ErrorCode::closed);
}

TEST_CASE("a backend outlives the plugin's handle that made it") {
  RecordingHost host;
  auto backend = Plugin::load(MEMORY_PLUGIN, true)->create(settings("outlives"), host);
  backend->open(Role::publisher, {});
  std::vector<Event> events{event("A", "x")};
  std::vector<AppendResult> results(1);
  backend->append(events, results);
  CHECK(results[0].status == AppendStatus::written);
}

TEST_CASE("a plugin in C works, and what it lacks is absent") {
  RecordingHost host;
  auto backend = Plugin::load(plugin_file("tiny"))->create(settings(), host);
  backend->open(Role::consumer, {});
  CHECK(host.lines() == std::vector<std::string>{"tiny: opened for role 3"});
  CHECK(backend->capabilities().ordered);
  CHECK_FALSE(backend->capabilities().durable);
  CHECK(backend->capabilities().max_payload_bytes == 63);
  CHECK_FALSE(backend->dead_letter_store());
  CHECK_FALSE(backend->history());
  CHECK_FALSE(backend->inspection());
  CHECK_FALSE(backend->retention());
  CHECK_FALSE(backend->idempotency_store());

  std::vector<Event> events;
  for (const char* type : {"A", "B", "C", "D", "E"}) events.push_back(event(type, "payload"));
  std::vector<AppendResult> results(5);
  backend->append(events, results);
  for (std::size_t i = 0; i < 4; ++i) CHECK(results[i].status == AppendStatus::written);
  CHECK(results[4].status == AppendStatus::rejected);
  REQUIRE(results[4].error);
  CHECK(results[4].error->code() == ErrorCode::backpressure);
  CHECK(results[4].error->retryable());
  CHECK(results[4].error->what() == std::string("tiny: cannot append: full"));

  KeepingSink sink;
  backend->receive(3, milliseconds(0), {}, sink);
  REQUIRE(sink.deliveries.size() == 3);
  CHECK(sink.deliveries[2].event.type == "C");
  CHECK(sink.deliveries[2].event.payload == Payload("payload"));
  std::vector<Settlement> settlements(3);
  backend->receive(3, milliseconds(0), settlements, sink);
  CHECK(sink.deliveries.size() == 4);
  REQUIRE(sink.results.size() == 3);
  CHECK(sink.results[2].status == SettleStatus::done);
}

}  // namespace
}  // namespace eventbus::host::test
