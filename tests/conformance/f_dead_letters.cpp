// F. Dead letters: how an event becomes one, and what it keeps.
#include <algorithm>
#include <set>

#include "captured_log.hpp"
#include "child.hpp"
#include "faults.hpp"
#include "harness.hpp"

namespace eventbus::conformance {
namespace {

using std::chrono::milliseconds;
using Attempts = std::vector<std::uint32_t>;

const ConfigOverrides quick = {{"max_retries", "2"}, {"retry.initial_ms", "10"}, {"retry.max_ms", "20"}};

Handler failing(Recorder& recorder, std::string name = "failing") {
  return Handler(std::move(name), [&recorder](const Event& event, const Delivery& delivery) {
    recorder.add(event, delivery);
    throw std::runtime_error("the ledger is closed");
  });
}

TEST_CASE("after 1 + max_retries failed attempts an event is a dead letter and no longer pending", "[F][F.52]") {
  Stream stream;
  Recorder recorder;
  auto publisher = stream.connect();
  auto bus = stream.connect(quick);
  need(bus->capabilities().dead_letters, "dead letters");
  auto subscription = bus->subscribe_to_all(failing(recorder));
  bus->start_consuming();
  publisher->publish(make_event("OrderCreated", "x"));
  REQUIRE(wait_for_dead_letters(*bus, 1).size() == 1);
  REQUIRE(settles(*bus));
  CHECK(recorder.attempts_of("x") == Attempts{1, 2, 3});
  const Stats stats = bus->stats();
  CHECK(stats.failed == 3);
  CHECK(stats.retried == 2);
  CHECK(stats.dead_lettered == 1);
  CHECK(stats.success == 0);
  CHECK(bus->dead_letters().entries.size() == 1);
}

TEST_CASE("with max_retries 0 the first failed attempt is the last", "[F][F.52]") {
  Stream stream;
  Recorder recorder;
  auto publisher = stream.connect();
  auto bus = stream.connect({{"max_retries", "0"}});
  need(bus->capabilities().dead_letters, "dead letters");
  auto subscription = bus->subscribe_to_all(failing(recorder));
  bus->start_consuming();
  publisher->publish(make_event("OrderCreated", "x"));
  REQUIRE(wait_for_dead_letters(*bus, 1).size() == 1);
  REQUIRE(settles(*bus));
  CHECK(recorder.attempts_of("x") == Attempts{1});
}

TEST_CASE("a storm of failing events makes each of them one dead letter", "[F][F.52]") {
  Stream stream;
  Recorder recorder;
  auto publisher = stream.connect();
  auto bus = stream.connect({{"max_retries", "1"}, {"retry.initial_ms", "1"}, {"concurrency", "4"}});
  need(bus->capabilities().dead_letters, "dead letters");
  auto subscription = bus->subscribe_to_all(failing(recorder));
  bus->start_consuming();
  publish_written(*publisher, make_events("OrderCreated", 500));
  const auto dead = wait_for_dead_letters(*bus, 500);
  REQUIRE(settles(*bus));
  std::set<std::string> payloads;
  for (const DeadLetter& letter : dead) payloads.emplace(letter.event.payload.bytes());
  CHECK(dead.size() == 500);
  CHECK(payloads.size() == 500);
  CHECK(bus->stats().dead_lettered == 500);
  CHECK(recorder.count() == 1000);
}

TEST_CASE("an event whose consumer is killed again and again is pending or a dead letter, never neither, never both",
          "[F][F.52]") {
  constexpr std::size_t count = 20;
  Stream stream;
  auto bus = stream.connect();
  need(bus->capabilities().cross_process, "a stream that other processes see");
  need(bus->capabilities().dead_letters, "dead letters");
  need(bus->capabilities().inspection, "inspection");
  const auto positions = publish_written(*bus, make_events("OrderCreated", count));
  const ConfigOverrides failing_fast = {{"consumer_name", "worker"}, {"max_retries", "3"}, {"retry.initial_ms", "1"}};
  // Each life is a little longer than the one before, so that the kill meets each step of some event.
  for (std::size_t life = 1; life <= 25; ++life) {
    Child child(stream, failing_fast, {{"*", "throw"}});
    REQUIRE(eventually([&] { return child.count("got") >= life || bus->dead_letters().entries.size() == count; }));
    child.kill();
    std::multiset<Position> dead;
    for (const DeadLetter& letter : bus->dead_letters().entries) dead.insert(letter.original_position);
    for (const Position& position : positions) REQUIRE(dead.count(position) <= 1);
    const auto group = group_info(*bus, "workers");
    REQUIRE(group);
    if (group->lag) REQUIRE(dead.size() + group->pending + *group->lag == count);
    if (dead.size() == count) break;
  }
  Child last(stream, failing_fast, {{"*", "throw"}});
  CHECK(wait_for_dead_letters(*bus, count).size() == count);
  CHECK(eventually([&] { return group_info(*bus, "workers")->pending == 0; }));
  last.kill();
  std::set<Position> dead;
  const auto letters = bus->dead_letters().entries;
  for (const DeadLetter& letter : letters) dead.insert(letter.original_position);
  CHECK(letters.size() == count);
  CHECK(dead == std::set<Position>(positions.begin(), positions.end()));
}

TEST_CASE("while the dead letter cannot be written the event stays pending, and becomes one when it can", "[F][F.52]") {
  need_faults();
  Stream stream;
  Recorder recorder, good;
  auto publisher = stream.connect();
  auto bus = stream.connect(quick);
  need(bus->capabilities().dead_letters, "dead letters");
  auto bad = bus->subscribe("Bad", failing(recorder));
  auto others = bus->subscribe("Good", good.handler());
  Passing wrong_kind("set-wrong-kind", "unset", {bus->dead_letter_stream_name()});
  bus->start_consuming();
  publisher->publish(make_event("Bad", "x"));
  REQUIRE(eventually([&] { return bus->stats().settle_failed >= 2; }));
  CHECK(bus->stats().in_flight == 1);
  publisher->publish(make_event("Good", "y"));
  CHECK(good.wait_for(1));
  CHECK(bus->stats().dead_lettered == 0);
  wrong_kind.end();
  const auto dead = wait_for_dead_letters(*bus, 1);
  REQUIRE(dead.size() == 1);
  CHECK(dead[0].event.payload.bytes() == "x");
  REQUIRE(settles(*bus));
  CHECK(bus->stats().dead_lettered == 1);
  CHECK(recorder.attempts_of("x") == Attempts{1, 2, 3});
}

TEST_CASE("a dead letter keeps every byte of the event, and tells where, who, how often, when and why", "[F][F.53]") {
  Stream stream;
  Recorder recorder;
  auto publisher = stream.connect();
  auto bus = stream.connect({{"max_retries", "1"},
                             {"retry.initial_ms", "50"},
                             {"retry.jitter", "0"},
                             {"consumer_group", "billing"},
                             {"consumer_name", "worker-1"}});
  need(bus->capabilities().dead_letters, "dead letters");
  auto subscription = bus->subscribe_to_all(failing(recorder, "ledger"));
  bus->start_consuming();
  Event event = make_event("OrderCreated", std::string("\0\x01\xff not UTF-8 \n\t=\\", 17), "order-7");
  event.id = "an-id";
  event.aggregate_type = "Order";
  event.aggregate_version = 42;
  event.occurred_at = Timestamp{std::chrono::microseconds(1700000000123456)};
  event.headers = {{"tenant_id", "a\tb\nc=d\\"}, {"empty", ""}, {"zażółć", "gęślą jaźń"}};
  const Timestamp before = std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
  const Position position = publisher->publish(event);
  const auto dead = wait_for_dead_letters(*bus, 1);
  const Timestamp after = std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
  REQUIRE(dead.size() == 1);
  const DeadLetter& letter = dead[0];
  CHECK(letter.event == event);
  CHECK(letter.original_position == position);
  CHECK(letter.group == "billing");
  CHECK(letter.consumer == "worker-1");
  CHECK(letter.handler.find("ledger") != std::string::npos);
  CHECK(letter.attempts == 2);
  CHECK(letter.reason.find("the ledger is closed") != std::string::npos);
  CHECK(letter.first_failed >= before);
  CHECK(letter.last_failed - letter.first_failed >= milliseconds(50));
  CHECK(letter.last_failed <= after);
  const auto found = bus->dead_letter(letter.position);
  REQUIRE(found);
  CHECK(found->event == event);
  CHECK(found->reason == letter.reason);
}

TEST_CASE("a reason of any bytes and any length arrives whole", "[F][F.53]") {
  std::string reason = "a\tb\nc=d\\e \xc5\xbc ";
  reason.append(5000, 'r');
  Stream stream;
  auto publisher = stream.connect();
  auto bus = stream.connect();
  need(bus->capabilities().dead_letters, "dead letters");
  auto subscription = bus->subscribe_to_all([&](const Event&) { return Outcome::dead_letter(reason); });
  bus->start_consuming();
  publisher->publish(make_event("OrderCreated", "x"));
  const auto dead = wait_for_dead_letters(*bus, 1);
  REQUIRE(dead.size() == 1);
  CHECK(dead[0].reason == reason);
}

TEST_CASE("an event that is dropped after its last attempt is told to the log as dropped", "[F][F.58]") {
  Stream stream;
  CapturedLog log;
  auto publisher = stream.connect();
  auto bus = stream.connect({{"enable_dlq", "false"}, {"max_retries", "0"}, {"log.level", "warn"}});
  auto subscription = bus->subscribe_to_all([](const Event&) { throw std::runtime_error("the ledger is closed"); });
  bus->start_consuming();
  Event event = make_event("OrderCreated");
  event.id = "the-id";
  publisher->publish(event);
  REQUIRE(eventually([&] { return bus->stats().dropped == 1; }));
  INFO(log.text());
  for (const char* told : {"dropped", "the-id", "the ledger is closed"}) CHECK(log.tells(told));
}

TEST_CASE("with dead letters disabled an event is dropped after the last attempt, and counted as dropped",
          "[F][F.58]") {
  Stream stream;
  Recorder recorder, good;
  auto publisher = stream.connect();
  auto bus = stream.connect({{"enable_dlq", "false"}, {"max_retries", "1"}, {"retry.initial_ms", "10"}});
  auto bad = bus->subscribe("Bad", failing(recorder));
  auto never = bus->subscribe("Never", [](const Event&) { return Outcome::dead_letter("no"); });
  auto others = bus->subscribe("Good", good.handler());
  bus->start_consuming();
  publish_written(*publisher, {make_event("Bad", "x"), make_event("Never", "y"), make_event("Good", "z")});
  REQUIRE(good.wait_for(1));
  REQUIRE(eventually([&] { return bus->stats().dropped == 2; }));
  REQUIRE(settles(*bus));
  const Stats stats = bus->stats();
  CHECK(recorder.attempts_of("x") == Attempts{1, 2});
  CHECK(stats.dead_lettered == 0);
  CHECK(stats.failed == 3);
  CHECK(stats.retried == 1);
  if (bus->capabilities().dead_letters) CHECK(bus->dead_letters().entries.empty());
  bus->stop_consuming();
  bus->start_consuming();
  publisher->publish(make_event("Good", "again"));
  REQUIRE(good.wait_for(2));
  CHECK(recorder.count() == 2);
}

TEST_CASE("an event for which a handler asks for a dead letter is told to the log as dropped", "[F][F.58]") {
  Stream stream;
  CapturedLog log;
  auto publisher = stream.connect();
  auto bus = stream.connect({{"enable_dlq", "false"}, {"log.level", "warn"}});
  auto subscription = bus->subscribe_to_all([](const Event&) { return Outcome::dead_letter("the order is void"); });
  bus->start_consuming();
  Event event = make_event("OrderCreated");
  event.id = "the-id";
  publisher->publish(event);
  REQUIRE(eventually([&] { return bus->stats().dropped == 1; }));
  INFO(log.text());
  for (const char* told : {"dropped", "the-id", "the order is void"}) CHECK(log.tells(told));
}

}  // namespace
}  // namespace eventbus::conformance
