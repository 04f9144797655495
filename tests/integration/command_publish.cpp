// eventbus publish, and what consume makes of it.
#include <catch2/catch_test_macros.hpp>

#include "command.hpp"

namespace eventbus::integration {
namespace {

TEST_CASE("publish takes one event from flags, and consume prints it", "[redis]") {
  const Command command;
  const Ended published =
      command.run("publish", {"--type", "OrderCreated", "--id", "e-1", "--aggregate-id", "order-7", "--aggregate-type",
                              "Order", "--aggregate-version", "3", "--occurred-at", "2026-11-23T01:02:03Z", "--header",
                              "tenant_id=acme", "--header", "note=a=b", "--data", R"({"total": 99.90})", "--json"});
  INFO(published.errors);
  REQUIRE(published.code == 0);
  const Json fact = Json::parse(published.output);
  CHECK(fact["published"] == 1);

  const Ended consumed = command.run("consume", {"--count", "1", "--set", "consumer_name=reader"});
  INFO(consumed.errors);
  REQUIRE(consumed.code == 0);
  const Json event = Json::parse(consumed.output);
  CHECK(event == Json({{"position", fact["position"]},
                       {"attempt", 1},
                       {"group", "default"},
                       {"consumer", "reader"},
                       {"type", "OrderCreated"},
                       {"id", "e-1"},
                       {"aggregate_id", "order-7"},
                       {"aggregate_type", "Order"},
                       {"aggregate_version", 3},
                       {"occurred_at", "2026-11-23T01:02:03.000000Z"},
                       {"headers", {{"tenant_id", "acme"}, {"note", "a=b"}}},
                       {"data", {{"total", 99.90}}}}));
  CHECK(consumed.output.find("99.90") != std::string::npos);  // as it was written
}

TEST_CASE("publish reports a bad line with its number, publishes the good ones, and exits with 1", "[redis]") {
  const Command command;
  const Ended published = command.run("publish", {},
                                      "{\"type\": \"One\"}\n"
                                      "{\"type\": \n"
                                      "\n"
                                      "{\"type\": \"Two\", \"heders\": {}}\n"
                                      "{\"type\": \"Three\"}\n"
                                      "{\"type\": \"Four\", \"headers\": {\"a=b\": \"refused by the bus\"}}\n"
                                      "{\"type\": \"Five\"}");
  CHECK(published.code == 1);
  CHECK(published.output == "published 3 events, 3 failed\n");
  CHECK(published.errors.find("eventbus: line 2: not valid JSON") != std::string::npos);
  CHECK(published.errors.find("eventbus: line 4: heders: unknown key") != std::string::npos);
  CHECK(published.errors.find("eventbus: line 6: ") != std::string::npos);

  std::vector<std::string> types;
  for (const Json& event : objects_in(command.run("consume", {"--count", "3"}).output)) types.push_back(event["type"]);
  CHECK(types == std::vector<std::string>{"One", "Three", "Five"});
}

TEST_CASE("publish reads a file, and tells how many as JSON", "[redis]") {
  const Command command;
  const Ended published = command.run("publish", {"--file", "/dev/stdin", "--json"}, numbered_lines(2500));
  CHECK(published.code == 0);
  CHECK(Json::parse(published.output) == Json({{"published", 2500}, {"failed", 0}}));
}

TEST_CASE("a file that cannot be read is named, and is the caller's mistake", "[redis]") {
  const Command command;
  const Ended published = command.run("publish", {"--file", "/nowhere/events.ndjson"});
  CHECK(published.code == 2);
  CHECK(published.errors.find("cannot read '/nowhere/events.ndjson': No such file or directory") != std::string::npos);
}

TEST_CASE("bytes that are no JSON go and come as data_base64", "[redis]") {
  const Command command;
  REQUIRE(command.run("publish", {}, R"({"type": "T", "data_base64": "AP8K"})").code == 0);
  REQUIRE(command.run("publish", {"--type", "T", "--data-base64", "AP8K"}).code == 0);
  for (const Json& event : objects_in(command.run("consume", {"--count", "2"}).output)) {
    CHECK(event["data_base64"] == "AP8K");
    CHECK_FALSE(event.contains("data"));
  }
}

TEST_CASE("what consume prints can be published again", "[redis]") {
  const Command command;
  REQUIRE(command.run("publish", {}, numbered_lines(3)).code == 0);
  const std::string printed = command.run("consume", {"--count", "3"}).output;
  const Ended again = command.run("publish", {"--set", "stream_prefix=copy"}, printed);
  INFO(again.errors);
  CHECK(again.code == 0);
  const auto originals = objects_in(printed);
  const auto copies = objects_in(command.run("consume", {"--count", "3", "--set", "stream_prefix=copy"}).output);
  REQUIRE(copies.size() == 3);
  for (std::size_t i = 0; i < copies.size(); ++i) {
    CHECK(copies[i]["id"] == originals[i]["id"]);
    CHECK(copies[i]["data"] == originals[i]["data"]);
  }
}

}  // namespace
}  // namespace eventbus::integration
