// J. The edge, as far as a bus opened by configuration shows it; the rest is in tests/unit/plugin
#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <random>

#include "harness.hpp"

namespace eventbus::conformance {
namespace {

TEST_CASE("what fails in the backend arrives as Error with its text", "[J][J.75]") {
  Stream stream;
  std::optional<Error> error;
  if (!target().bounded.empty()) {
    auto bus = stream.connect(target().bounded);
    publish_written(*bus, make_events("OrderCreated", 3));
    error = error_of([&] { bus->publish(make_event("OrderCreated")); });
    REQUIRE(error);
    CHECK(error->code() == ErrorCode::backpressure);
    CHECK(bus->stats().published == 3);
    CHECK(bus->stats().publish_rejected == 1);
  } else if (!target().unreachable.empty()) {
    auto bus = stream.open(target().unreachable);
    error = error_of([&] { bus->connect(); });
    REQUIRE(error);
    CHECK(error->code() == ErrorCode::unavailable);
  } else {
    SKIP("needs a setting under which the backend fails (--bounded or --unreachable)");
  }
  INFO(error->what());
  CHECK(error->retryable());
  CHECK(std::string(error->what()).find(": ") != std::string::npos);
}

TEST_CASE("a plugin that is nowhere is reported with every path that was tried", "[J][J.77]") {
  Stream stream;
  BusConfig config = stream.config();
  config.backend = "no-such-backend";
  config.plugin_dirs = {"/nonexistent/plugins"};
  const auto error = error_of([&] { open_bus(config); });
  REQUIRE(error);
  CHECK(error->code() == ErrorCode::not_found);
  INFO(error->what());
  CHECK(std::string(error->what()).find("no-such-backend") != std::string::npos);
  CHECK(std::string(error->what()).find("/nonexistent/plugins") != std::string::npos);
  const auto availability = backend_available("no-such-backend", config);
  CHECK_FALSE(availability);
  CHECK_FALSE(availability.reason.empty());
}

TEST_CASE("a file that is no plugin is refused by name", "[J][J.77]") {
  Stream stream;
  const auto file = std::filesystem::temp_directory_path() / (stream.prefix() + ".so");
  std::ofstream(file) << "this is a text file, not a plugin\n";
  BusConfig config = stream.config();
  config.backend = file.string();
  const auto error = error_of([&] { open_bus(config); });
  std::filesystem::remove(file);
  REQUIRE(error);
  CHECK(error->code() == ErrorCode::plugin_rejected);
  INFO(error->what());
  CHECK(std::string(error->what()).find(file.filename().string()) != std::string::npos);
}

TEST_CASE("a facet that was not declared answers unsupported, and a declared one answers", "[J][J.78]") {
  Stream stream;
  auto bus = stream.connect();
  const Capabilities declared = bus->capabilities();
  auto check = [&](bool offered, const char* what, const std::function<void()>& call) {
    INFO(what << " is " << (offered ? "declared" : "not declared"));
    const auto code = code_of(call);
    CHECK(code == (offered ? std::nullopt : std::optional(ErrorCode::unsupported)));
  };
  check(declared.inspection, "inspection", [&] { static_cast<void>(bus->stream_info()); });
  check(declared.history, "history", [&] { static_cast<void>(bus->history()); });
  check(declared.dead_letters, "listing dead letters", [&] { static_cast<void>(bus->dead_letters()); });
  check(declared.dead_letters, "one dead letter", [&] { static_cast<void>(bus->dead_letter(Position{1, 0})); });
  check(declared.dead_letters, "replaying", [&] { static_cast<void>(bus->replay_dead_letter(Position{1, 0})); });
  check(declared.dead_letters, "purging", [&] {
    PurgeQuery query;
    query.all = true;
    static_cast<void>(bus->purge_dead_letters(query));
  });
  check(declared.dead_letters, "importing", [&] { static_cast<void>(bus->import_dead_letters({})); });
}

// One call of the bus, chosen by number.
void call_something(EventBus& bus, unsigned number) {
  switch (number % 25) {
    case 0: bus.connect(); break;
    case 1: bus.start_consuming(); break;
    case 2: bus.stop_consuming(std::chrono::milliseconds(1000)); break;
    case 3: static_cast<void>(bus.is_connected()); break;
    case 4: static_cast<void>(bus.is_consuming()); break;
    case 5: bus.publish(make_event("OrderCreated", "one", "order-1")); break;
    case 6: static_cast<void>(bus.publish_all(make_events("OrderPaid", 3))); break;
    case 7: bus.publish_background(make_event("OrderSent")); break;
    case 8: bus.flush(std::chrono::milliseconds(10)); break;
    case 9: bus.subscribe("OrderCreated", [](const Event&) {}).reset(); break;
    case 10: bus.subscribe_to_all([](const Event&) {}).reset(); break;
    case 11: static_cast<void>(bus.subscriber_count()); break;
    case 12: static_cast<void>(bus.subscriber_count("OrderCreated")); break;
    case 13: static_cast<void>(bus.wildcard_subscriber_count()); break;
    case 14: static_cast<void>(bus.stats()); break;
    case 15: static_cast<void>(bus.health()); break;
    case 16: static_cast<void>(bus.capabilities()); break;
    case 17: static_cast<void>(bus.stream_info()); break;
    case 18: static_cast<void>(bus.recover()); break;
    case 19: static_cast<void>(bus.dead_letters()); break;
    case 20: static_cast<void>(bus.dead_letter(Position{1, 0})); break;
    case 21: static_cast<void>(bus.history()); break;
    case 22: bus.set_error_hook([](const BackgroundError&) {}); break;
    case 23: static_cast<void>(bus.stream_name().size() + bus.dead_letter_stream_name().size()); break;
    case 24: static_cast<void>(bus.group().size() + bus.consumer().size()); break;
  }
}

TEST_CASE("every call of the bus may come from 16 threads at once", "[J][J.79]") {
  Stream stream;
  Recorder recorder;
  auto bus = stream.connect({{"concurrency", "2"}});
  auto subscription = bus->subscribe_to_all(recorder.handler());
  std::atomic<int> foreign{0};
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 16; ++t) {
    threads.emplace_back([&, t] {
      std::minstd_rand random(t + 1);
      for (int i = 0; i < 60; ++i) {
        try {
          if (random() % 100 == 0) bus->disconnect();
          call_something(*bus, static_cast<unsigned>(random() >> 8));
        } catch (const Error&) {  // closed, conflict, unsupported: answers like any other
        } catch (...) {
          ++foreign;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(foreign == 0);
  bus->connect();
  if (!bus->is_consuming()) bus->start_consuming();
  bus->publish(make_event("OrderCreated", "marker"));
  CHECK(recorder.wait_for_payload("marker"));
}

}  // namespace
}  // namespace eventbus::conformance
