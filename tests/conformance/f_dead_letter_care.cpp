// F. Dead letters: listing, replay, purge, export and import.
#include <atomic>

#include "harness.hpp"

namespace eventbus::conformance {
namespace {

using Attempts = std::vector<std::uint32_t>;

Timestamp utc_now() {
  return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
}

// A bus whose dead letters are the events published here, each from one failed attempt.
struct Graveyard {
  explicit Graveyard(const Stream& stream, const std::string& group = "workers")
      : bus(stream.connect({{"consumer_group", group}, {"max_retries", "0"}})) {
    need(bus->capabilities().dead_letters, "dead letters");
  }

  std::vector<DeadLetter> bury(std::vector<Event> events) {
    const std::size_t before = wait_for_dead_letters(*bus, 0).size();
    auto subscription = bus->subscribe_to_all([](const Event&) { return Outcome::dead_letter("buried"); });
    if (!bus->is_consuming()) bus->start_consuming();
    const std::size_t count = publish_written(*bus, std::move(events)).size();
    auto dead = wait_for_dead_letters(*bus, before + count);
    REQUIRE(dead.size() == before + count);
    REQUIRE(settles(*bus));
    return dead;
  }

  std::unique_ptr<EventBus> bus;
};

std::vector<std::string> payloads_of(const std::vector<DeadLetter>& letters) {
  std::vector<std::string> payloads;
  for (const DeadLetter& letter : letters) payloads.emplace_back(letter.event.payload.bytes());
  return payloads;
}

TEST_CASE("a list of no dead letters is an empty list", "[F][F.54]") {
  Stream stream;
  auto bus = stream.connect();
  need(bus->capabilities().dead_letters, "dead letters");
  const DeadLetterPage page = bus->dead_letters();
  CHECK(page.entries.empty());
  CHECK_FALSE(page.next);
  CHECK_FALSE(bus->dead_letter(Position{1, 0}));
}

TEST_CASE("a list of dead letters comes in pages, oldest first, each of them once", "[F][F.54]") {
  Stream stream;
  Graveyard graveyard(stream);
  graveyard.bury(make_events("OrderCreated", 25));
  std::vector<DeadLetter> all;
  DeadLetterQuery query;
  query.limit = 10;
  std::vector<std::size_t> sizes;
  for (int pages = 0; pages < 10; ++pages) {
    const DeadLetterPage page = graveyard.bus->dead_letters(query);
    sizes.push_back(page.entries.size());
    all.insert(all.end(), page.entries.begin(), page.entries.end());
    if (!page.next) break;
    query.after = *page.next;
  }
  CHECK(sizes == std::vector<std::size_t>{10, 10, 5});
  REQUIRE(all.size() == 25);
  CHECK(payloads_of(all) == [] {
    std::vector<std::string> wanted;
    for (int i = 0; i < 25; ++i) wanted.push_back(std::to_string(i));
    return wanted;
  }());
  for (std::size_t i = 1; i < all.size(); ++i) CHECK(all[i - 1].position < all[i].position);
  query = {};
  query.after = all[19].position;
  CHECK(payloads_of(graveyard.bus->dead_letters(query).entries) ==
        std::vector<std::string>{"20", "21", "22", "23", "24"});
}

TEST_CASE("a list of dead letters can be of one type and of one group", "[F][F.54]") {
  Stream stream;
  Graveyard workers(stream);
  workers.bury({make_event("Odd", "1"), make_event("Even", "2"), make_event("Odd", "3")});
  auto others = stream.connect({{"consumer_group", "others"}});
  auto subscription = others->subscribe_to_all([](const Event&) { return Outcome::dead_letter("buried"); });
  others->start_consuming();
  REQUIRE(wait_for_dead_letters(*others, 3).size() == 3);
  DeadLetterQuery query;
  query.type = "Odd";
  query.group = "workers";
  CHECK(payloads_of(workers.bus->dead_letters(query).entries) == std::vector<std::string>{"1", "3"});
  query.limit = 1;
  const DeadLetterPage first = workers.bus->dead_letters(query);
  REQUIRE(first.next);
  query.after = *first.next;
  CHECK(payloads_of(workers.bus->dead_letters(query).entries) == std::vector<std::string>{"3"});
  query = {};
  query.group = "nobody";
  CHECK(workers.bus->dead_letters(query).entries.empty());
  query = {};
  query.type = "Even";
  CHECK(workers.bus->dead_letters(query).entries.size() == 2);
}

TEST_CASE("a replay gives the event a new position with its attempts reset, and removes the dead letter", "[F][F.55]") {
  Stream stream;
  Recorder again;
  Graveyard graveyard(stream);
  Event event = make_event("OrderCreated", std::string("\0\xff", 2), "order-7");
  event.id = "an-id";
  event.headers = {{"tenant_id", "a"}};
  event.occurred_at = Timestamp{std::chrono::microseconds(1700000000123456)};
  const DeadLetter letter = graveyard.bury({event}).front();
  auto subscription = graveyard.bus->subscribe_to_all(again.handler());
  const auto position = graveyard.bus->replay_dead_letter(letter.position);
  REQUIRE(position);
  CHECK(*position > letter.original_position);
  REQUIRE(again.wait_for(1));
  const Received received = again.all().front();
  CHECK(received.event == letter.event);
  CHECK(received.position == *position);
  CHECK(received.attempt == 1);
  CHECK_FALSE(graveyard.bus->dead_letter(letter.position));
  CHECK(graveyard.bus->dead_letters().entries.empty());
  REQUIRE(settles(*graveyard.bus));
  CHECK(again.count() == 1);
}

TEST_CASE("of two replays of one dead letter at once exactly one succeeds", "[F][F.55]") {
  Stream stream;
  Recorder again;
  Graveyard graveyard(stream);
  const auto dead = graveyard.bury(make_events("OrderCreated", 20));
  auto other = stream.connect();
  auto subscription = graveyard.bus->subscribe_to_all(again.handler());
  for (const DeadLetter& letter : dead) {
    std::atomic<int> ready{0};
    const auto replay = [&](EventBus& bus) {
      for (++ready; ready < 2;) std::this_thread::yield();
      return bus.replay_dead_letter(letter.position).has_value();
    };
    auto first = std::async(std::launch::async, [&] { return replay(*graveyard.bus); });
    auto second = std::async(std::launch::async, [&] { return replay(*other); });
    const bool one = first.get(), two = second.get();
    CHECK(one != two);
  }
  REQUIRE(again.wait_for(20));
  REQUIRE(settles(*graveyard.bus));
  CHECK(again.count() == 20);
}

TEST_CASE("a replay of a dead letter that does not exist does nothing and says so", "[F][F.55]") {
  Stream stream;
  Graveyard graveyard(stream);
  const DeadLetter letter = graveyard.bury(make_events("OrderCreated", 1)).front();
  CHECK_FALSE(graveyard.bus->replay_dead_letter(letter.position.next()));
  CHECK_FALSE(graveyard.bus->replay_dead_letter(Position{1, 1}));
  CHECK(graveyard.bus->dead_letters().entries.size() == 1);
}

TEST_CASE("a replayed event that fails again becomes a dead letter again after all its attempts", "[F][F.55]") {
  Stream stream;
  Recorder recorder;
  auto publisher = stream.connect();
  auto bus = stream.connect({{"max_retries", "1"}, {"retry.initial_ms", "10"}});
  need(bus->capabilities().dead_letters, "dead letters");
  auto subscription = bus->subscribe_to_all([&](const Event& event, const Delivery& delivery) {
    recorder.add(event, delivery);
    throw std::runtime_error("never");
  });
  bus->start_consuming();
  publisher->publish(make_event("OrderCreated", "x"));
  auto dead = wait_for_dead_letters(*bus, 1);
  REQUIRE(dead.size() == 1);
  const auto position = bus->replay_dead_letter(dead[0].position);
  REQUIRE(position);
  dead = wait_for_dead_letters(*bus, 1);
  REQUIRE(dead.size() == 1);
  CHECK(dead[0].original_position == *position);
  CHECK(dead[0].attempts == 2);
  CHECK(recorder.attempts_of("x") == Attempts{1, 2, 1, 2});
}

TEST_CASE("a replay aimed at one group is run by no other, which count it as skipped", "[F][F.56]") {
  Stream stream;
  Recorder aimed, other;
  Graveyard graveyard(stream, "failed");
  const DeadLetter letter = graveyard.bury({make_event("OrderCreated", "x")}).front();
  auto bystander = stream.connect({{"consumer_group", "bystanders"}});
  auto first = graveyard.bus->subscribe_to_all(aimed.handler());
  auto second = bystander->subscribe_to_all(other.handler());
  bystander->start_consuming();
  REQUIRE(other.wait_for(1));  // as published
  REQUIRE(graveyard.bus->replay_dead_letter(letter.position, "failed"));
  graveyard.bus->publish(make_event("OrderCreated", "marker"));
  REQUIRE(aimed.wait_for_payload("marker"));
  REQUIRE(other.wait_for_payload("marker"));
  CHECK(aimed.payloads() == std::vector<std::string>{"x", "marker"});
  CHECK(other.payloads() == std::vector<std::string>{"x", "marker"});
  REQUIRE(settles(*bystander));
  REQUIRE(settles(*graveyard.bus));
  CHECK(bystander->stats().skipped_target == 1);
  CHECK(graveyard.bus->stats().skipped_target == 0);
  CHECK(aimed.all().front().attempt == 1);
  CHECK(aimed.all().front().event == letter.event);
}

TEST_CASE("a replay aimed at no group is run by each", "[F][F.56]") {
  Stream stream;
  Recorder other;
  Graveyard graveyard(stream, "failed");
  const DeadLetter letter = graveyard.bury({make_event("OrderCreated", "x")}).front();
  auto bystander = stream.connect({{"consumer_group", "bystanders"}});
  auto subscription = bystander->subscribe_to_all(other.handler());
  bystander->start_consuming();
  REQUIRE(other.wait_for(1));
  REQUIRE(graveyard.bus->replay_dead_letter(letter.position));
  REQUIRE(other.wait_for(2));
  CHECK(other.attempts_of("x") == Attempts{1, 1});
}

TEST_CASE("dead letters are purged by position, and the count says how many", "[F][F.57]") {
  Stream stream;
  Graveyard graveyard(stream);
  const auto dead = graveyard.bury(make_events("OrderCreated", 5));
  PurgeQuery query;
  query.positions = {dead[1].position, dead[3].position, Position{1, 1}};
  CHECK(graveyard.bus->purge_dead_letters(query) == 2);
  CHECK(payloads_of(graveyard.bus->dead_letters().entries) == std::vector<std::string>{"0", "2", "4"});
  CHECK(graveyard.bus->purge_dead_letters(query) == 0);
}

TEST_CASE("dead letters are purged by age, and all at once", "[F][F.57]") {
  Stream stream;
  Graveyard graveyard(stream);
  graveyard.bury(make_events("Old", 3));
  const Timestamp old = utc_now();
  REQUIRE(eventually([&] { return utc_now() > old + std::chrono::milliseconds(5); }));
  const Timestamp moment = utc_now();
  REQUIRE(eventually([&] { return utc_now() > moment + std::chrono::milliseconds(5); }));
  graveyard.bury({make_event("New", "a"), make_event("New", "b")});
  PurgeQuery query;
  query.older_than = moment;
  CHECK(graveyard.bus->purge_dead_letters(query) == 3);
  CHECK(payloads_of(graveyard.bus->dead_letters().entries) == std::vector<std::string>{"a", "b"});
  query = {};
  CHECK(graveyard.bus->purge_dead_letters(query) == 0);  // asks for none
  CHECK(graveyard.bus->dead_letters().entries.size() == 2);
  query.all = true;
  CHECK(graveyard.bus->purge_dead_letters(query) == 2);
  CHECK(graveyard.bus->dead_letters().entries.empty());
  CHECK(graveyard.bus->purge_dead_letters(query) == 0);
}

TEST_CASE("what is exported and imported again is lossless", "[F][F.57]") {
  Stream stream;
  Recorder again;
  Graveyard graveyard(stream);
  Event event = make_event("OrderCreated", std::string("\0\x01\xff\n\t=\\", 7), "order-7");
  event.aggregate_type = "Order";
  event.aggregate_version = 42;
  event.headers = {{"tenant_id", "a\tb\nc=d\\"}, {"empty", ""}};
  const auto exported = graveyard.bury({event, make_event("Empty", "")});
  PurgeQuery everything;
  everything.all = true;
  REQUIRE(graveyard.bus->purge_dead_letters(everything) == 2);
  CHECK(graveyard.bus->import_dead_letters(exported) == 2);
  const auto imported = graveyard.bus->dead_letters().entries;
  REQUIRE(imported.size() == 2);
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(imported[i].event == exported[i].event);
    CHECK(imported[i].original_position == exported[i].original_position);
    CHECK(imported[i].group == exported[i].group);
    CHECK(imported[i].consumer == exported[i].consumer);
    CHECK(imported[i].handler == exported[i].handler);
    CHECK(imported[i].attempts == exported[i].attempts);
    CHECK(imported[i].reason == exported[i].reason);
    CHECK(imported[i].first_failed == exported[i].first_failed);
    CHECK(imported[i].last_failed == exported[i].last_failed);
  }
  auto subscription = graveyard.bus->subscribe_to_all(again.handler());
  REQUIRE(graveyard.bus->replay_dead_letter(imported[0].position));
  REQUIRE(again.wait_for(1));
  CHECK(again.all().front().event == exported[0].event);
  CHECK(graveyard.bus->import_dead_letters({}) == 0);
}

}  // namespace
}  // namespace eventbus::conformance
