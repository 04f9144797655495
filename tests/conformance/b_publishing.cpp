// B. Publishing
#include <algorithm>
#include <atomic>
#include <set>

#include "harness.hpp"

namespace eventbus::conformance {
namespace {

TEST_CASE("a published list keeps its order and gives a result an event, with positions strictly increasing",
          "[B][B.11]") {
  Stream stream;
  Recorder recorder;
  auto bus = stream.connect();
  auto subscription = bus->subscribe("OrderCreated", recorder.handler());
  const auto positions = publish_written(*bus, make_events("OrderCreated", 250));
  CHECK(std::is_sorted(positions.begin(), positions.end(), std::less_equal<>{}));
  bus->start_consuming();
  REQUIRE(recorder.wait_for(250));
  const auto received = recorder.all();
  REQUIRE(received.size() == 250);
  for (std::size_t i = 0; i < received.size(); ++i) {
    REQUIRE(received[i].event.payload.bytes() == std::to_string(i));
    REQUIRE(received[i].position == positions[i]);
  }
  CHECK(bus->publish(make_event("OrderCreated")) > positions.back());
}

TEST_CASE("an empty list does nothing and needs no connection", "[B][B.12]") {
  Stream stream;
  auto bus = stream.open();
  CHECK(bus->publish_all({}).empty());
  CHECK_FALSE(bus->is_connected());
  bus->connect();
  CHECK(bus->publish_all({}).empty());
  CHECK(bus->stats().published == 0);
}

TEST_CASE("an event published before any consumer exists is delivered when one starts with earliest", "[B][B.13]") {
  Stream stream;
  Recorder recorder;
  auto publisher = stream.connect();
  publisher->publish(make_event("OrderCreated", "early"));
  auto bus = stream.connect({{"start_from", "earliest"}});
  auto subscription = bus->subscribe("OrderCreated", recorder.handler());
  bus->start_consuming();
  REQUIRE(recorder.wait_for_payload("early"));
}

TEST_CASE("an event published before any consumer exists is not delivered when one starts with latest", "[B][B.13]") {
  Stream stream;
  Recorder recorder;
  auto publisher = stream.connect();
  publisher->publish(make_event("OrderCreated", "early"));
  auto bus = stream.connect({{"start_from", "latest"}});
  auto subscription = bus->subscribe("OrderCreated", recorder.handler());
  bus->start_consuming();
  publisher->publish(make_event("OrderCreated", "marker"));
  REQUIRE(recorder.wait_for_payload("marker"));
  CHECK(recorder.payloads() == std::vector<std::string>{"marker"});
}

TEST_CASE("a publisher alone leaves no group behind", "[B][B.13]") {
  Stream stream;
  auto publisher = stream.connect();
  need(publisher->capabilities().inspection, "inspection");
  auto other = stream.connect();
  publisher->publish(make_event("OrderCreated"));
  publish_written(*publisher, make_events("OrderCreated", 3));
  publisher->disconnect();
  const StreamInfo info = other->stream_info();
  CHECK(info.exists);
  CHECK(info.length == 4);
  CHECK(info.groups.empty());
}

TEST_CASE("any payload up to the limit arrives byte for byte", "[B][B.14]") {
  Stream stream;
  Recorder recorder;
  auto bus = stream.connect({{"max_payload_bytes", "1048576"}});
  auto subscription = bus->subscribe("Bytes", recorder.handler());
  bus->start_consuming();
  std::string every_byte, large;
  for (int i = 0; i < 256; ++i) every_byte.push_back(static_cast<char>(i));
  while (large.size() < 1048576) large += every_byte;
  const std::vector<std::string> payloads = {
      "", std::string("a\0b", 3), std::string(1, '\0'), "\xff\xfe\x80", every_byte, "\r\n\t\\", large};
  for (const std::string& payload : payloads) bus->publish(make_event("Bytes", payload));
  REQUIRE(recorder.wait_for(payloads.size()));
  const auto received = recorder.payloads();
  for (std::size_t i = 0; i < payloads.size(); ++i) {
    INFO("payload " << i << " of " << payloads[i].size() << " bytes");
    const bool equal = received[i] == payloads[i];
    CHECK(equal);
  }
}

TEST_CASE("a payload over the limit is refused with a typed error and nothing is written", "[B][B.14]") {
  Stream stream;
  Recorder recorder;
  auto bus = stream.connect({{"max_payload_bytes", "1000"}});
  auto subscription = bus->subscribe_to_all(recorder.handler());
  bus->start_consuming();
  const auto error = error_of([&] { bus->publish(make_event("Bytes", std::string(1001, 'x'))); });
  REQUIRE(error);
  CHECK(error->code() == ErrorCode::invalid_argument);
  CHECK_FALSE(error->retryable());
  bus->publish(make_event("Bytes", std::string(1000, 'x')));
  bus->publish(make_event("Bytes", "marker"));
  REQUIRE(recorder.wait_for_payload("marker"));
  CHECK(recorder.count() == 2);
  CHECK(bus->stats().published == 2);
  CHECK(bus->stats().publish_rejected == 1);
}

TEST_CASE("headers keep order, names, empty values, tabs, newlines and non-ASCII text", "[B][B.15]") {
  Stream stream;
  Recorder recorder;
  auto bus = stream.connect();
  auto subscription = bus->subscribe_to_all(recorder.handler());
  bus->start_consuming();
  Event event = make_event("OrderCreated");
  event.headers = {{"zeta", "1"},
                   {"alpha", ""},
                   {"with space", "a\tb\nc\rd"},
                   {"back\\slash", "\\t\\n\\"},
                   {"größe", "schön 日本"},
                   {"equals", "a=b=c"},
                   {"traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
                   {"last", "=\t="}};
  event.aggregate_id = "tab\tnewline\nback\\slash=";
  event.aggregate_type = "größe";
  bus->publish(event);
  REQUIRE(recorder.wait_for(1));
  const Event received = recorder.all().front().event;
  CHECK(received.headers == event.headers);
  CHECK(received.aggregate_id == event.aggregate_id);
  CHECK(received.aggregate_type == event.aggregate_type);
}

TEST_CASE("a header name that cannot be carried is refused", "[B][B.15]") {
  Stream stream;
  Recorder recorder;
  auto bus = stream.connect();
  auto subscription = bus->subscribe_to_all(recorder.handler());
  bus->start_consuming();
  for (const char* name : {"", "a=b", "tab\t", "line\n", "\x01", "eventbus-own"}) {
    Event event = make_event("OrderCreated", "refused");
    event.headers.set(name, "value");
    INFO("header name '" << name << "'");
    CHECK(code_of([&] { bus->publish(event); }) == ErrorCode::invalid_argument);
  }
  CHECK(code_of([&] { bus->publish(make_event("", "refused")); }) == ErrorCode::invalid_argument);
  bus->publish(make_event("OrderCreated", "marker"));
  REQUIRE(recorder.wait_for_payload("marker"));
  CHECK(recorder.count() == 1);
}

TEST_CASE("a missing id and time are filled in, given ones are kept", "[B][B.16]") {
  Stream stream;
  Recorder recorder;
  auto bus = stream.connect();
  auto subscription = bus->subscribe_to_all(recorder.handler());
  bus->start_consuming();
  const auto before = std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
  publish_written(*bus, make_events("OrderCreated", 50));
  const auto after = std::chrono::system_clock::now();
  Event given = make_event("OrderCreated", "given");
  given.id = "my own id";
  given.occurred_at = Timestamp(std::chrono::microseconds(1));
  bus->publish(given);
  REQUIRE(recorder.wait_for(51));
  const auto received = recorder.all();
  std::set<std::string> ids;
  for (std::size_t i = 0; i < 50; ++i) {
    const Event& event = received[i].event;
    ids.insert(event.id);
    REQUIRE(event.id.size() == 36);
    REQUIRE(event.id[14] == '7');
    REQUIRE(event.occurred_at >= before);
    REQUIRE(event.occurred_at <= after);
  }
  CHECK(ids.size() == 50);
  CHECK(received[50].event.id == given.id);
  CHECK(received[50].event.occurred_at == given.occurred_at);
}

TEST_CASE("publishing on a bus that is not connected is refused with closed", "[B][B.18]") {
  Stream stream;
  auto bus = stream.open();
  auto all_refused = [&] {
    CHECK(code_of([&] { bus->publish(make_event("OrderCreated")); }) == ErrorCode::closed);
    CHECK(code_of([&] { static_cast<void>(bus->publish_all(make_events("OrderCreated", 2))); }) == ErrorCode::closed);
    CHECK(code_of([&] { bus->publish_background(make_event("OrderCreated")); }) == ErrorCode::closed);
    CHECK(code_of([&] { bus->start_consuming(); }) == ErrorCode::closed);
  };
  all_refused();
  bus->connect();
  CHECK(bus->is_connected());
  bus->publish(make_event("OrderCreated"));
  bus->disconnect();
  CHECK_FALSE(bus->is_connected());
  all_refused();
  bus->connect();
  bus->publish(make_event("OrderCreated"));
  CHECK(bus->stats().published == 2);
}

TEST_CASE("a backend that cannot be reached gives unavailable and retryable, with the address", "[B][B.19]") {
  if (target().unreachable.empty()) SKIP("needs a setting under which the backend cannot be reached (--unreachable)");
  Stream stream;
  auto bus = stream.open(target().unreachable);
  const auto error = error_of([&] { bus->connect(); });
  REQUIRE(error);
  CHECK(error->code() == ErrorCode::unavailable);
  CHECK(error->retryable());
  std::string address = target().unreachable.front().second;
  if (const auto at = address.find("://"); at != std::string::npos) address.erase(0, at + 3);
  INFO(error->what());
  CHECK(std::string(error->what()).find(address) != std::string::npos);
  CHECK_FALSE(bus->is_connected());
  CHECK(code_of([&] { bus->publish(make_event("OrderCreated")); }).has_value());
  CHECK(bus->stats().published == 0);
}

TEST_CASE("a list with impossible events reports which ones, and what happened to each of the others", "[B][B.20]") {
  Stream stream;
  Recorder recorder;
  auto bus = stream.connect({{"max_payload_bytes", "1000"}});
  auto subscription = bus->subscribe_to_all(recorder.handler());
  bus->start_consuming();
  auto events = make_events("OrderCreated", 5);
  events[1].headers.set("a=b", "");
  events[3].payload = Payload(std::string(1001, 'x'));
  const auto results = bus->publish_all(events);
  REQUIRE(results.size() == 5);
  for (std::size_t i : {0u, 2u, 4u}) CHECK(results[i].written());
  for (std::size_t i : {1u, 3u}) {
    CHECK(results[i].status == PublishResult::Status::rejected);
    REQUIRE(results[i].error);
    CHECK(results[i].error->code() == ErrorCode::invalid_argument);
  }
  CHECK(results[0].position < results[2].position);
  CHECK(results[2].position < results[4].position);
  REQUIRE(recorder.wait_for(3));
  CHECK(recorder.payloads() == std::vector<std::string>{"0", "2", "4"});
  CHECK(bus->stats().published == 3);
  CHECK(bus->stats().publish_rejected == 2);
}

TEST_CASE("100 threads publishing 100 events each lose none", "[B][B.21]") {
  Stream stream;
  Recorder recorder;
  auto bus = stream.connect({{"concurrency", "2"}});
  auto subscription = bus->subscribe_to_all(recorder.handler());
  bus->start_consuming();
  std::atomic<int> refused{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 100; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 100; ++i) {
        try {
          bus->publish(make_event("OrderCreated", std::to_string(t) + "/" + std::to_string(i)));
        } catch (const Error&) {
          ++refused;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  REQUIRE(refused == 0);
  REQUIRE(recorder.wait_for(10000, 3 * deadline));
  const auto payloads = recorder.payloads();
  CHECK(std::set<std::string>(payloads.begin(), payloads.end()).size() == 10000);
  CHECK(payloads.size() == 10000);
  CHECK(bus->stats().published == 10000);
}

}  // namespace
}  // namespace eventbus::conformance
