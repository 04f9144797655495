// What comes back is what was published, to the byte.
#include <catch2/catch_test_macros.hpp>
#include <thread>

#include "driver.hpp"
#include "headers.hpp"

namespace eventbus::sqlite::test {

TEST_CASE("every field comes back to the byte, from a read, a redelivery, the history and a dead letter") {
  Fixture fixture;
  Driver consumer = fixture.consumer("g", "c");
  std::string every_byte;
  for (int i = 0; i < 256; ++i) every_byte.push_back(static_cast<char>(i));
  Event event{.id = "the id",
              .type = std::string("with\0nul", 8),
              .aggregate_id = "tab\tnewline\nback\\slash='",
              .aggregate_type = "größe\xff",
              .aggregate_version = -7,
              .occurred_at = Timestamp(-5s),
              .headers = {{"zeta", "1"}, {"alpha", ""}, {"back\\slash", "\\n\n=\t"}, {"größe", every_byte}},
              .payload = every_byte};
  Event sent = event;
  AppendResult result;
  consumer.backend->append({&sent, 1}, {&result, 1});
  REQUIRE(result.status == AppendStatus::written);
  Delivered got = consumer.receive().at(0);
  CHECK(got.event == event);
  std::vector<Delivered> again;
  consumer.redeliver(got.token, again);
  CHECK(again.at(0).event == event);
  Collector history;
  consumer.backend->history()->read({}, history);
  CHECK(history.deliveries.at(0).event == event);
  consumer.bury(again[0].token);
  CHECK(consumer.letters().at(0).event == event);
  CHECK(consumer.letters({{}, 10, event.type, "g"}).size() == 1);
  consumer.backend->dead_letter_store()->replay(consumer.letters()[0].position, "");
  CHECK(consumer.receive().at(0).event == event);
}

TEST_CASE("a list of many events keeps its order and gives each a position") {
  Fixture fixture;
  Driver consumer = fixture.consumer("g", "c");
  std::vector<Event> events(2500);
  for (std::size_t i = 0; i < events.size(); ++i) events[i].type = std::to_string(i);
  std::vector<AppendResult> results(events.size());
  consumer.backend->append(events, results);
  auto got = consumer.receive(5000);
  REQUIRE(got.size() == events.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    REQUIRE(results[i].position == Position{i + 1, 0});
    REQUIRE(got[i].token.position == results[i].position);
    REQUIRE(got[i].type == std::to_string(i));
  }
}

TEST_CASE("a read of large events stops when it has enough, and the next one goes on") {
  Fixture fixture;
  Driver consumer = fixture.consumer("g", "c");
  std::vector<Event> events(20);
  for (Event& event : events) event.payload = std::string(1 << 20, 'x');
  std::vector<AppendResult> results(events.size());
  consumer.backend->append(events, results);
  std::vector<Token> tokens;
  std::size_t reads = 0;
  for (auto got = consumer.receive(100); !got.empty(); got = consumer.receive(100)) {
    ++reads;
    for (const Delivered& one : got) tokens.push_back(one.token);
  }
  CHECK(tokens.size() == 20);
  CHECK(reads > 1);
  std::vector<HoldStatus> held(tokens.size());
  Collector sink;
  consumer.backend->redeliver(tokens, true, held, sink);
  CHECK(sink.deliveries.size() == 20);
  CHECK(consumer.history().size() == 20);
}

TEST_CASE("publishers of many threads each get the positions of their own events") {
  Fixture fixture;
  Driver publisher = fixture.publisher();
  constexpr int threads = 8, each = 100;
  std::vector<std::vector<AppendResult>> results(threads, std::vector<AppendResult>(each));
  {
    std::vector<std::jthread> all;
    for (int t = 0; t < threads; ++t) {
      all.emplace_back([&, t] {
        for (int i = 0; i < each; ++i) {
          Event event{.type = std::to_string(t) + "/" + std::to_string(i)};
          publisher.backend->append({&event, 1},
                                    {&results[static_cast<std::size_t>(t)][static_cast<std::size_t>(i)], 1});
        }
      });
    }
  }
  Types types = publisher.history();
  REQUIRE(types.size() == threads * each);
  for (std::size_t t = 0; t < threads; ++t) {
    for (std::size_t i = 0; i < each; ++i) {
      REQUIRE(results[t][i].status == AppendStatus::written);
      REQUIRE(types.at(results[t][i].position.high - 1) == std::to_string(t) + "/" + std::to_string(i));
    }
  }
}

TEST_CASE("a column that holds no headers is told apart from one that does") {
  std::string memory;
  std::vector<HeaderView> headers;
  CHECK(decode_headers("", memory, headers));
  CHECK(headers.empty());
  CHECK(decode_headers("a=\nb=c=d\n", memory, headers));
  REQUIRE(headers.size() == 2);
  CHECK(headers[1].name == "b");
  CHECK(headers[1].value == "c=d");
  for (const char* wrong : {"a", "a=b", "a\n", "a=\\x\n", "a=\\\n"})
    CHECK_FALSE(decode_headers(wrong, memory, headers));
}

}  // namespace eventbus::sqlite::test
