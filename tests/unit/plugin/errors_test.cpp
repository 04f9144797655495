// No exception crosses; each arrives as Error with its text.
#include <catch2/catch_test_macros.hpp>

#include "fixture.hpp"

namespace eventbus::host::test {
namespace {

struct Throwing {
  RecordingHost host;
  std::unique_ptr<Backend> backend = Plugin::load(plugin_file("throwing"))->create(settings(), host);
  KeepingSink sink;
};

void check(const std::optional<Error>& error, ErrorCode code, bool retryable, const std::string& text) {
  REQUIRE(error);
  CHECK(error->code() == code);
  CHECK(error->retryable() == retryable);
  CHECK(error->what() == text);
}

TEST_CASE("an Error keeps its code, its retryability and its text", "[J.75]") {
  Throwing t;
  std::vector<Event> events(1);
  std::vector<AppendResult> results(1);
  check(error_of([&] { t.backend->append(events, results); }), ErrorCode::conflict, true,
        "throwing: cannot append: busy; come back");
  REQUIRE(t.backend->inspection());
  check(error_of([&] { t.backend->inspection()->stream_info(); }), ErrorCode::timed_out, true,
        "throwing: cannot look: too dark");
}

TEST_CASE("an Error of the constructor arrives too, and nothing is left behind", "[J.75]") {
  RecordingHost host;
  BackendSettings refused = settings();
  refused.config_json = "refuse";
  check(error_of([&] { Plugin::load(plugin_file("throwing"))->create(refused, host); }), ErrorCode::invalid_config,
        false, "throwing: cannot start: told so");
}

TEST_CASE("any other exception is internal, with its text where it has one", "[J.75]") {
  Throwing t;
  std::vector<Token> tokens(1);
  std::vector<HoldStatus> statuses(1);
  std::vector<Settlement> settlements(1);
  std::vector<SettleResult> results(1);
  check(error_of([&] { t.backend->open(Role::consumer, {}); }), ErrorCode::internal, false, "the cable is cut");
  check(error_of([&] { t.backend->settle(settlements, results); }), ErrorCode::internal, false, "no settling");
  check(error_of([&] { t.backend->redeliver(tokens, true, statuses, t.sink); }), ErrorCode::internal, false,
        "std::bad_alloc");
  check(error_of([&] { t.backend->renew(tokens, statuses); }), ErrorCode::internal, false,
        "an exception of unknown type");
}

TEST_CASE("a text that is too long is cut, and an empty one is replaced") {
  Throwing t;
  std::vector<Token> tokens;
  auto cut = error_of([&] { t.backend->claim(milliseconds(0), 1, {}); });
  REQUIRE(cut);
  CHECK(cut->code() == ErrorCode::unavailable);
  CHECK(std::string(cut->what()).ends_with("xxx..."));
  auto empty = error_of([&] { t.backend->resume(1, {}, tokens); });
  REQUIRE(empty);
  CHECK(empty->code() == ErrorCode::closed);
  CHECK(std::string(empty->what()).find("no reason") != std::string::npos);
}

TEST_CASE("what a sink throws comes back as it was thrown") {
  Throwing t;
  struct Mine {
    int value;
  };
  struct Sink final : ReceiveSink {
    void settled(std::span<const SettleResult>) override {}
    void delivered(std::span<const DeliveryView>) override { throw Mine{7}; }
  } sink;
  try {
    t.backend->receive(1, milliseconds(0), {}, sink);
    FAIL("nothing was thrown");
  } catch (const Mine& mine) {
    CHECK(mine.value == 7);
  }
}

TEST_CASE("a plugin that miscounts its results is found out") {
  Throwing t;
  std::vector<Settlement> settlements(2);
  auto error = error_of([&] { t.backend->receive(1, milliseconds(0), settlements, t.sink); });
  REQUIRE(error);
  CHECK(error->code() == ErrorCode::internal);
  CHECK(std::string(error->what()).find("3 results for 2 settlements") != std::string::npos);
  CHECK(t.sink.results.empty());
}

}  // namespace
}  // namespace eventbus::host::test
