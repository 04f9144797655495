// One file: what is in it, what is not, and who makes it.
#include <catch2/catch_test_macros.hpp>

#include "driver.hpp"

namespace eventbus::sqlite::test {

TEST_CASE("events are handed out in the order of publishing, with attempt 1") {
  Fixture fixture;
  Driver consumer = fixture.consumer("g", "c");
  Types sent = consumer.publish_all({"a", "b", "c"});
  auto got = consumer.receive();
  CHECK(types_of(got) == sent);
  CHECK(got[0].token == Token{{1, 0}, 1});
  CHECK(got[2].token == Token{{3, 0}, 1});
  Collector history;
  consumer.backend->history()->read({}, history);
  CHECK(history.deliveries[0].event == got[0].event);
}

TEST_CASE("files and streams of different names do not mix") {
  Fixture fixture, other;
  Driver here = fixture.consumer("g", "c");
  Driver elsewhere = other.consumer("g", "c");
  BackendSettings settings = fixture.settings("g", "c");
  settings.stream = "invoices:stream";
  Driver beside = fixture.make(settings);
  here.publish("a");
  CHECK(elsewhere.receive().empty());
  CHECK(beside.receive().empty());
  CHECK(types_of(here.receive()) == Types{"a"});
}

TEST_CASE("an inspector makes no file") {
  Fixture fixture;
  Driver inspector(fixture.settings("g", "c"), fixture.host);
  CHECK(error_of([&] { inspector.backend->open(Role::inspector, {}); }).code() == ErrorCode::unavailable);
  CHECK_FALSE(std::filesystem::exists(fixture.file));
  fixture.publisher();
  CHECK_NOTHROW(inspector.backend->open(Role::inspector, {}));
  CHECK_FALSE(inspector.info().exists);
}

}  // namespace eventbus::sqlite::test
