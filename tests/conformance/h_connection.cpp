// H. Faults: connections that are cut, servers that refuse, and what health tells.
#include <algorithm>
#include <set>

#include "child.hpp"
#include "faults.hpp"
#include "harness.hpp"
#include "tcp_proxy.hpp"

namespace eventbus::conformance {
namespace {

using std::chrono::milliseconds;
using testing::TcpProxy;

int server_port() {
  const std::string address = inflict("address");
  return std::stoi(address.substr(address.rfind(':') + 1));
}

ConfigOverrides with_port(ConfigOverrides overrides, int port) {
  for (auto& [key, value] : overrides) {
    if (const auto at = value.find("{port}"); at != std::string::npos) value.replace(at, 6, std::to_string(port));
  }
  return overrides;
}

void need_proxy() {
  need_faults();
  if (target().proxied.empty()) SKIP("needs a setting that leads to the server through a proxy (--proxied)");
}

bool tells(const std::vector<std::string>& lines, const std::string& what) {
  return std::any_of(lines.begin(), lines.end(),
                     [&](const std::string& line) { return line.find(what) != std::string::npos; });
}

TEST_CASE("where the connection is cut between a publish and its answer, publish says that the fate is unknown",
          "[H][H.66]") {
  need_proxy();
  Stream stream;
  Recorder recorder;
  TcpProxy proxy(server_port());
  auto consumer = stream.connect();
  auto bus = stream.connect(with_port(target().proxied, proxy.port()));
  auto subscription = consumer->subscribe_to_all(recorder.handler());
  consumer->start_consuming();
  Event event = make_event("OrderCreated", "cut here");
  event.id = "the-id";
  proxy.drop_answer_to("cut here");
  CHECK(code_of([&] { bus->publish(event); }) == ErrorCode::timed_out);
  CHECK(proxy.dropped() == 1);
  CHECK(bus->stats().publish_unknown == 1);
  CHECK(bus->stats().published == 0);
  REQUIRE(recorder.wait_for(1));  // it had been written
  bus->publish(event);            // the connection is restored by itself
  REQUIRE(recorder.wait_for(2));  // the duplicate carries the same id
  for (const Received& received : recorder.all()) CHECK(received.event.id == "the-id");
  CHECK(bus->stats().reconnections == 1);
}

TEST_CASE("where the connection is cut within a list, each of its events has a fate and none is lost", "[H][H.66]") {
  need_proxy();
  Stream stream;
  Recorder recorder;
  TcpProxy proxy(server_port());
  auto consumer = stream.connect();
  auto bus = stream.connect(with_port(target().proxied, proxy.port()));
  auto subscription = consumer->subscribe_to_all(recorder.handler());
  consumer->start_consuming();
  std::vector<Event> events;
  for (int i = 0; i < 500; ++i) events.push_back(make_event("OrderCreated", "event-" + std::to_string(i) + ";"));
  proxy.drop_answer_to("event-250;");
  const auto results = bus->publish_all(events);
  REQUIRE(results.size() == 500);
  std::vector<std::string> written, rejected;
  for (std::size_t i = 0; i < results.size(); ++i) {
    const std::string payload(events[i].payload.bytes());
    if (results[i].status == PublishResult::Status::written) written.push_back(payload);
    if (results[i].status == PublishResult::Status::rejected) rejected.push_back(payload);
    if (!results[i].written()) CHECK(results[i].error);
  }
  CHECK(results[250].status == PublishResult::Status::unknown);
  bus->publish(make_event("OrderCreated", "marker"));
  REQUIRE(recorder.wait_for_payload("marker"));
  for (const std::string& payload : written) CHECK(recorder.count_of_payload(payload) == 1);
  for (const std::string& payload : rejected) CHECK(recorder.count_of_payload(payload) == 0);
  CHECK(bus->stats().publish_unknown == 500 - written.size() - rejected.size());
}

TEST_CASE("a background publish whose answer was lost is sent again under the same id", "[H][H.66]") {
  need_proxy();
  Stream stream;
  Recorder recorder;
  TcpProxy proxy(server_port());
  auto consumer = stream.connect();
  auto bus = stream.connect(with_port(target().proxied, proxy.port()));
  auto subscription = consumer->subscribe_to_all(recorder.handler());
  consumer->start_consuming();
  proxy.drop_answer_to("cut here");
  bus->publish_background(make_event("OrderCreated", "cut here"));
  REQUIRE(bus->flush(deadline));
  REQUIRE(recorder.wait_for(2));
  const auto received = recorder.all();
  CHECK(received[0].event.id == received[1].event.id);
  CHECK_FALSE(received[0].event.id.empty());
  CHECK(bus->stats().background_failed == 0);
}

TEST_CASE("where the connection is cut between a read and its answer, what was read comes back", "[H][H.66]") {
  need_proxy();
  Stream stream;
  Recorder recorder;
  TcpProxy proxy(server_port());
  auto publisher = stream.connect();
  ConfigOverrides overrides = with_port(target().proxied, proxy.port());
  overrides.insert(overrides.end(), {{"pending_idle_ms", "1000"}, {"recovery_interval_ms", "1000"}});
  auto bus = stream.connect(overrides);
  auto subscription = bus->subscribe_to_all(recorder.handler());
  publish_written(*publisher, make_events("OrderCreated", 10));
  bus->start_consuming();
  REQUIRE(recorder.wait_for(10));
  REQUIRE(settles(*bus));
  proxy.drop_answer_to(bus->stream_name());  // whatever it asks for next
  publish_written(*publisher, {make_event("OrderCreated", "after 1"), make_event("OrderCreated", "after 2")});
  REQUIRE(recorder.wait_for_payload("after 1"));
  REQUIRE(recorder.wait_for_payload("after 2"));
  REQUIRE(eventually([&] { return proxy.dropped() == 1; }));
  publisher->publish(make_event("OrderCreated", "marker"));
  REQUIRE(recorder.wait_for_payload("marker"));
  REQUIRE(settles(*bus));
  CHECK(bus->stats().reconnections >= 1);
  CHECK(adds_up(bus->stats()));
}

TEST_CASE("a server that wants a password says so, as a fault of the configuration", "[H][H.68]") {
  need_faults();
  Stream stream;
  auto bus = stream.open();
  Passing secret("require-password", "open-to-all");
  const auto error = error_of([&] { bus->connect(); });
  REQUIRE(error);
  const std::string text = error->what();
  INFO(text);
  CHECK(error->code() == ErrorCode::invalid_config);
  CHECK_FALSE(error->retryable());
  CHECK(text.find("password") != std::string::npos);
  CHECK_FALSE(bus->is_connected());
  secret.end();
  bus->connect();
  CHECK(bus->is_connected());
}

TEST_CASE("a wrong password is refused as a fault of the configuration, and never shown", "[H][H.68]") {
  need_faults();
  if (target().wrong_password.empty()) SKIP("needs a setting with a wrong password (--wrong-password)");
  Stream stream;
  auto bus = stream.open(with_port(target().wrong_password, server_port()));
  Passing secret("require-password", "open-to-all");
  const auto error = error_of([&] { bus->connect(); });
  REQUIRE(error);
  const std::string text = error->what();
  INFO(text);
  CHECK(error->code() == ErrorCode::invalid_config);
  CHECK(text.find("password") != std::string::npos);
  CHECK(text.find("not-the-secret") == std::string::npos);
  CHECK(text.find("conformance-secret") == std::string::npos);
}

TEST_CASE("a key that holds something else is refused as a fault of the configuration, with its name", "[H][H.68]") {
  need_faults();
  Stream stream;
  auto bus = stream.open();
  Passing wrong_kind("set-wrong-kind", "unset", {bus->stream_name()});
  const auto error = error_of([&] { bus->connect(); });
  REQUIRE(error);
  INFO(error->what());
  CHECK(error->code() == ErrorCode::invalid_config);
  CHECK_FALSE(error->retryable());
  CHECK(std::string(error->what()).find(bus->stream_name()) != std::string::npos);
}

TEST_CASE("a read-only server refuses to publish in a way that may be tried again, and all resumes when it is not",
          "[H][H.68]") {
  need_faults();
  Stream stream;
  Recorder recorder;
  auto publisher = stream.connect();
  auto bus = stream.connect();
  auto subscription = bus->subscribe_to_all(recorder.handler());
  bus->start_consuming();
  publisher->publish(make_event("OrderCreated", "before"));
  REQUIRE(recorder.wait_for(1));
  Passing replica("read-only", "writable");
  const auto error = error_of([&] { publisher->publish(make_event("OrderCreated", "x")); });
  REQUIRE(error);
  INFO(error->what());
  CHECK(error->code() == ErrorCode::unavailable);
  CHECK(error->retryable());
  std::string text = error->what();
  std::replace(text.begin(), text.end(), '-', ' ');
  CHECK(text.find("read only") != std::string::npos);
  replica.end();
  REQUIRE(eventually([&] { return !code_of([&] { publisher->publish(make_event("OrderCreated", "after")); }); }));
  REQUIRE(recorder.wait_for_payload("after"));
  CHECK(bus->is_consuming());
}

TEST_CASE("health tells lag, pending and dead letters, and when the backend last answered a read", "[H][H.69]") {
  Stream stream;
  Gate gate;
  auto publisher = stream.connect();
  auto bus = stream.connect({{"max_retries", "0"}, {"max_in_flight", "1"}});
  need(bus->capabilities().inspection, "inspection");
  need(bus->capabilities().dead_letters, "dead letters");
  auto subscription = bus->subscribe_to_all([&](const Event& event) {
    if (event.type == "Bad") throw std::runtime_error("never");
    gate.wait();
  });
  bus->start_consuming();
  publish_written(*publisher, make_events("Bad", 1));
  REQUIRE(wait_for_dead_letters(*bus, 1).size() == 1);
  publish_written(*publisher, make_events("Good", 5));
  REQUIRE(gate.wait_for_arrivals(1));
  const Health health = bus->health();
  CHECK(health.connected);
  CHECK(health.consuming);
  CHECK(health.since_last_read);
  CHECK(health.dead_letters == 1);
  CHECK(health.pending == 1);
  if (health.lag) CHECK(*health.lag == 4);
  CHECK(health.status == HealthStatus::yellow);  // a dead letter waits to be looked at
  CHECK(tells(health.problems, "dead letter"));
  gate.open();
  REQUIRE(settles(*bus));
  CHECK(bus->health().pending == 0);
}

TEST_CASE("health of a bus that is not connected is red", "[H][H.69]") {
  Stream stream;
  auto bus = stream.open();
  const Health health = bus->health();
  CHECK(health.status == HealthStatus::red);
  CHECK_FALSE(health.connected);
  CHECK_FALSE(health.consuming);
  CHECK_FALSE(health.problems.empty());
}

TEST_CASE("health is red while the server cannot be reached, and no longer when it can", "[H][H.69]") {
  need_proxy();
  Stream stream;
  Recorder recorder;
  auto proxy = std::make_unique<TcpProxy>(server_port());
  auto bus = stream.connect(with_port(target().proxied, proxy->port()));
  auto subscription = bus->subscribe_to_all(recorder.handler());
  bus->start_consuming();
  bus->publish(make_event("OrderCreated", "x"));
  REQUIRE(recorder.wait_for(1));
  CHECK(bus->health().status == HealthStatus::green);
  proxy.reset();
  REQUIRE(eventually([&] { return bus->health().status == HealthStatus::red; }));
  CHECK_FALSE(bus->health().connected);
  CHECK_FALSE(bus->is_connected());
  CHECK_FALSE(bus->health().problems.empty());
}

TEST_CASE("a reader that died is red: a consumer that finds its name taken stops", "[H][H.69]") {
  const ConfigOverrides named = {
      {"consumer_name", "worker"}, {"pending_idle_ms", "1000"}, {"recovery_interval_ms", "1000"}};
  Stream stream;
  Recorder recorder;
  auto bus = stream.connect(named);
  need(bus->capabilities().cross_process, "a stream that other processes see");
  Child child(stream, named);
  REQUIRE(child.wait_for("ready"));
  child.freeze();
  auto subscription = bus->subscribe_to_all(recorder.handler());
  // Its lease has ended. A backend whose lock is the process itself does not give the name away at all.
  if (!eventually([&] { return !code_of([&] { bus->start_consuming(); }); })) {
    SKIP("keeps a consumer name from others as long as its process is there");
  }
  child.thaw();
  REQUIRE(child.wait_until_told("health", "health consuming no"));
  CHECK(child.wait_until_told("health", "health red"));
  bus->publish(make_event("OrderCreated", "x"));
  CHECK(recorder.wait_for(1));
  CHECK(child.count("got") == 0);
  CHECK(bus->is_consuming());
}

}  // namespace
}  // namespace eventbus::conformance
