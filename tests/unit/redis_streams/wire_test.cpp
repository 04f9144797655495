#include <array>
#include <catch2/catch_test_macros.hpp>

#include "wire.hpp"

using namespace eventbus;
using namespace eventbus::redis_streams;

namespace {

const Timestamp noon{std::chrono::microseconds(1795521600123456)};

std::vector<std::string_view> fields(std::string_view type, std::string_view meta, std::string_view data) {
  return {"type", type, "meta", meta, "data", data};
}

std::string problem(const std::vector<std::string_view>& entry) {
  Decoder decoder;
  EventView view;
  return decoder.decode(entry, view);
}

}  // namespace

TEST_CASE("an event's meta is one readable line") {
  std::array headers{HeaderView{"tenant_id", "t1"}, HeaderView{"note", ""}};
  EventView event{"id1", "OrderCreated", "order-1", "Order", 7, noon, headers, "{}"};
  std::string meta = "what was here before";
  encode_meta(event, meta);
  CHECK(meta == "1\tid1\torder-1\tOrder\t7\t1795521600123456\ttenant_id=t1\tnote=");
}

TEST_CASE("an event comes out of its fields as it went in") {
  std::array headers{HeaderView{"a", "tab\there"}, HeaderView{"b", "line\nhere"}, HeaderView{"c", "back\\slash\\t"},
                     HeaderView{"d", "x=y="},      HeaderView{"e", ""},           HeaderView{"a", "again"},
                     HeaderView{"f", "grüße"}};
  std::string payload("\0\xff\t\n\\", 5);
  EventView event{"i\td", "Type", "agg\\n", "", -3, noon, headers, payload};
  std::string meta;
  encode_meta(event, meta);
  CHECK(meta.find('\n') == std::string::npos);

  Decoder decoder;
  EventView read;
  REQUIRE(decoder.decode(fields(event.type, meta, payload), read).empty());
  CHECK(read.id == event.id);
  CHECK(read.type == event.type);
  CHECK(read.aggregate_id == event.aggregate_id);
  CHECK(read.aggregate_type.empty());
  CHECK(read.aggregate_version == -3);
  CHECK(read.occurred_at == noon);
  CHECK(read.payload == payload);
  REQUIRE(read.headers.size() == headers.size());
  for (std::size_t i = 0; i < headers.size(); ++i) {
    CHECK(read.headers[i].name == headers[i].name);
    CHECK(read.headers[i].value == headers[i].value);
  }
}

TEST_CASE("a decoder that is used again shows nothing of what was before") {
  Decoder decoder;
  EventView first, second;
  REQUIRE(decoder.decode(fields("A", "1\tlong id with \\t\ta\tb\t1\t2\tx=y", "1"), first).empty());
  REQUIRE(decoder.decode(fields("B", "1\ti\t\t\t0\t0", ""), second).empty());
  CHECK(second.id == "i");
  CHECK(second.headers.empty());
  CHECK(second.payload.empty());
}

TEST_CASE("fields beside the three, and another order of them, do no harm") {
  Decoder decoder;
  EventView view;
  std::vector<std::string_view> entry{"extra", "1", "data", "{}", "meta", "1\ti\t\t\t0\t0", "type", "T"};
  CHECK(decoder.decode(entry, view).empty());
  CHECK(view.type == "T");
}

TEST_CASE("an entry that is no event is told why") {
  CHECK(problem({"event", "x"}).find("no field 'type'") != std::string::npos);
  CHECK(problem({"type", "T", "data", "x"}).find("no field 'meta'") != std::string::npos);
  CHECK(problem({"type", "T", "meta", "1\ti\t\t\t0\t0"}).find("no field 'data'") != std::string::npos);
  CHECK(problem({}).find("no field") != std::string::npos);
  CHECK(problem(fields("", "1\ti\t\t\t0\t0", "")).find("empty") != std::string::npos);
  CHECK(problem(fields("T", "2\ti\t\t\t0\t0", "")).find("format version '2'") != std::string::npos);
  CHECK(problem(fields("T", "", "")).find("format version ''") != std::string::npos);
  CHECK(problem(fields("T", "1\ti\t", "")).find("3 values") != std::string::npos);
  CHECK(problem(fields("T", "1\ti\t\t\tx\t0", "")).find("version is no number") != std::string::npos);
  CHECK(problem(fields("T", "1\ti\t\t\t0\t1s", "")).find("time is no number") != std::string::npos);
  CHECK(problem(fields("T", "1\ti\t\t\t0\t0\tnothing", "")).find("no '='") != std::string::npos);
}

TEST_CASE("of an entry that is no event what can be read is shown") {
  Decoder decoder;
  EventView view;
  CHECK_FALSE(decoder.decode(fields("T", "9", "payload"), view).empty());
  CHECK(view.type == "T");
  CHECK(view.payload == "payload");
}

TEST_CASE("a line that ends in a backslash is read to its end") {
  std::string memory;
  std::vector<std::string_view> values;
  split_line("a\\tb\\\tc\\x\\", memory, values);
  REQUIRE(values.size() == 2);
  CHECK(values[0] == "a\tb\\");
  CHECK(values[1] == "cx\\");
}
