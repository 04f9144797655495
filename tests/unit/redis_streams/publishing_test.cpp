#include <catch2/catch_test_macros.hpp>
#include <thread>

#include "backend_fixture.hpp"

using namespace eventbus;
using namespace eventbus::redis_streams::testing;

TEST_CASE("a list is written in order, however long") {
  World world;
  auto backend = world.publisher();
  auto results = publish(*backend, events(1234));
  Position last{};
  for (const AppendResult& result : results) {
    REQUIRE(result.status == AppendStatus::written);
    REQUIRE(result.position > last);
    last = result.position;
  }
  CHECK(world.redis("XLEN", world.stream()).integer() == 1234);
}

TEST_CASE("big payloads are written in order, byte for byte") {
  World world;
  auto backend = world.consumer();
  std::vector<Event> list = events(20);
  for (std::size_t i = 0; i < list.size(); ++i) list[i].payload = std::string(1 << 20, static_cast<char>(i));
  for (const AppendResult& result : publish(*backend, list)) REQUIRE(result.status == AppendStatus::written);
  auto got = take(*backend, 100);
  REQUIRE(got.size() == list.size());
  for (std::size_t i = 0; i < list.size(); ++i) CHECK(got[i].event.payload == list[i].payload);
}

TEST_CASE("an empty list does nothing") {
  World world;
  auto backend = world.backend();  // not even opened
  CHECK(publish(*backend, {}).empty());
}

TEST_CASE("publishers and inspectors create nothing") {
  World world;
  auto publisher = world.publisher();
  auto inspector = world.backend("i");
  inspector->open(Role::inspector, {});
  CHECK(world.redis("EXISTS", world.stream()).integer() == 0);
  publish(*publisher, events(1));
  CHECK(world.redis("XINFO", "GROUPS", world.stream()).size() == 0);
}

TEST_CASE("an entry is three fields, readable by people") {
  World world;
  auto backend = world.publisher();
  Event event;
  event.id = "id1";
  event.type = "OrderCreated";
  event.aggregate_id = "order-1";
  event.aggregate_version = 2;
  event.headers.set("note", "a\tb");
  event.payload = "{\"total\":3}";
  publish(*backend, {event});
  auto entries = world.redis("XRANGE", world.stream(), "-", "+");
  auto fields = entries[0][1];
  REQUIRE(fields.size() == 6);
  CHECK(fields[0].text() == "type");
  CHECK(fields[1].text() == "OrderCreated");
  CHECK(fields[2].text() == "meta");
  CHECK(fields[3].text() == "1\tid1\torder-1\t\t2\t0\tnote=a\\tb");
  CHECK(fields[4].text() == "data");
  CHECK(fields[5].text() == "{\"total\":3}");
}

TEST_CASE("concurrent publishers lose nothing and each keeps its order") {
  World world;
  auto backend = world.consumer();
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      Position last{};
      for (int i = 0; i < 100; ++i) {
        auto results = publish(*backend, events(1 + static_cast<std::size_t>(t % 3)));
        for (const AppendResult& result : results) {
          if (result.status != AppendStatus::written || result.position <= last) ++wrong;
          last = result.position;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
  CHECK(world.redis("XLEN", world.stream()).integer() == 100 * (1 + 2 + 3 + 1 + 2 + 3 + 1 + 2));
}
