// Who an event is of, and what led to it.
#include <catch2/catch_test_macros.hpp>

#include <eventbus/metadata.hpp>

namespace eventbus {
namespace {

TEST_CASE("metadata is read from and written to the well-known headers") {
  const Metadata metadata{"c", "e", "t", "a", "00-1-2-01", "x=y"};
  const Event event{.headers = with_metadata(metadata, {{"mine", "1"}, {"tenant_id", "old"}})};
  CHECK(metadata_of(event) == metadata);
  CHECK(event.headers.get("mine") == "1");
  CHECK(metadata_of(Event{}) == Metadata{});
  CHECK(with_metadata({}).empty());
}

TEST_CASE("what is caused by an event shares its correlation, tenant and trace, and names it as the cause") {
  const Event cause{.id = "e-1", .headers = with_metadata({"c-1", "e-0", "t-1", "a-1", "00-1-2-01", "x=y"})};
  const Event effect{.headers = caused_by(cause)};
  CHECK(metadata_of(effect) == Metadata{"c-1", "e-1", "t-1", "", "00-1-2-01", "x=y"});
}

TEST_CASE("the first event of a chain begins the correlation") {
  const Event first{.id = "e-1"};
  const Event second{.id = "e-2", .headers = caused_by(first)};
  const Event third{.id = "e-3", .headers = caused_by(second)};
  CHECK(metadata_of(second) == Metadata{"e-1", "e-1", "", "", "", ""});
  CHECK(metadata_of(third) == Metadata{"e-1", "e-2", "", "", "", ""});
}

TEST_CASE("headers that were given stay") {
  const Event cause{.id = "e-1", .headers = with_metadata({"c-1", "", "t-1", "", "00-1-2-01", "x=y"})};
  const Headers headers = caused_by(cause, {{"tenant_id", "t-2"}, {"traceparent", "00-3-4-01"}, {"actor_id", "me"}});
  CHECK(metadata_of(Event{.headers = headers}) == Metadata{"c-1", "e-1", "t-2", "me", "00-3-4-01", ""});
}

}  // namespace
}  // namespace eventbus
