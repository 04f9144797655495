#include "reply.hpp"

#include <catch2/catch_test_macros.hpp>
#include <cstring>

#include "backend_fixture.hpp"

using namespace eventbus::redis_streams;
using eventbus::redis_streams::testing::World;

TEST_CASE("an arena hands out memory that stays where it is, of any size") {
  Arena arena;
  std::vector<std::pair<char*, std::size_t>> places;
  for (std::size_t size : {0, 1, 17, 1000, 5000, 3, 100000, 64}) {
    auto* place = static_cast<char*>(arena.allocate(size));
    CHECK(reinterpret_cast<std::uintptr_t>(place) % alignof(std::max_align_t) == 0);
    std::memset(place, static_cast<int>(places.size()), size);
    places.emplace_back(place, size);
  }
  for (std::size_t i = 0; i < places.size(); ++i) {
    for (std::size_t at = 0; at < places[i].second; ++at) REQUIRE(places[i].first[at] == static_cast<char>(i));
  }
}

TEST_CASE("replies live side by side, and past the connection that read them") {
  World world;
  world.redis("RPUSH", world.prefix, "a", "", std::string(100000, 'x'));
  Reply list, nothing, number;
  {
    Connection connection(parse_url(world.server.url()), std::chrono::seconds(5), std::chrono::seconds(5), "test");
    connection.connect();
    list = connection.call(make_request("LRANGE", world.prefix, "0", "-1"), "ask");
    nothing = connection.call(make_request("LRANGE", world.prefix + "none", "0", "-1"), "ask");
    number = connection.call(make_request("LLEN", world.prefix), "ask");
    CHECK(connection.call(make_request("GET", world.prefix + "none"), "ask").is_nil());
    CHECK(connection.call(make_request("PING"), "ask").text() == "PONG");
    connection.send(make_request("GET", world.prefix));
    CHECK(connection.read().is_error());
  }
  REQUIRE(list.size() == 3);
  CHECK(list[0].text() == "a");
  CHECK(list[1].text().empty());
  CHECK(list[2].text() == std::string(100000, 'x'));
  CHECK(list[3].is_nil());
  CHECK(nothing.is_array());
  CHECK(nothing.size() == 0);
  CHECK(number.integer() == 3);
  Reply moved = std::move(list);
  CHECK(moved[0].text() == "a");
  CHECK(list.is_nil());
}
