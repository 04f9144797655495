// J. The edge: what the backend declares is what it does, in both directions
#include <atomic>
#include <filesystem>

#include "harness.hpp"
#include "other_process.hpp"

namespace eventbus::conformance {
namespace {

// What a group that begins with the oldest event is handed, up to an event that is published now.
std::vector<std::string> types_up_to_a_marker(EventBus& bus, Recorder& recorder) {
  auto subscription = bus.subscribe_to_all(recorder.handler());
  bus.start_consuming();
  bus.publish(make_event("Marker", "marker"));
  REQUIRE(recorder.wait_for_payload("marker"));
  bus.stop_consuming();
  std::vector<std::string> types;
  for (const Received& received : recorder.all()) types.push_back(received.event.type);
  return types;
}

TEST_CASE("what is declared durable outlives the process that published it, and nothing else does", "[J][J.78]") {
  Stream stream;
  Recorder recorder;
  const bool published = publish_from_another_process(stream, 3);
  auto bus = stream.connect();
  const bool durable = bus->capabilities().durable;
  INFO("durable is " << (durable ? "declared" : "not declared"));
  CHECK(published);
  const auto types = types_up_to_a_marker(*bus, recorder);
  CHECK(types == (durable ? std::vector<std::string>{"Foreign", "Foreign", "Foreign", "Marker"}
                          : std::vector<std::string>{"Marker"}));
}

TEST_CASE("buses of other processes see the same stream exactly if that is declared", "[J][J.78]") {
  Stream stream;
  Recorder recorder;
  auto bus = stream.connect();
  const bool shared = bus->capabilities().cross_process;
  INFO("cross_process is " << (shared ? "declared" : "not declared"));
  bus->publish(make_event("Before", "before"));
  const bool published = publish_from_another_process(stream, 1);
  CHECK((published || !shared));
  const auto types = types_up_to_a_marker(*bus, recorder);
  CHECK(types == (shared ? std::vector<std::string>{"Before", "Foreign", "Marker"}
                         : std::vector<std::string>{"Before", "Marker"}));
}

TEST_CASE("publish runs the handlers before it returns exactly if that is declared", "[J][J.78]") {
  Stream stream;
  Gate gate;
  Recorder recorder;
  auto bus = stream.connect();
  bus->subscribe("OrderCreated",
                 [&](const Event& event, const Delivery& delivery) {
                   if (!is_inline(*bus)) gate.wait();
                   recorder.add(event, delivery);
                 })
      .detach();
  bus->start_consuming();
  auto published = publish_aside(*bus, make_events("OrderCreated", 1));
  const bool returned = published.wait_for(deadline) == std::future_status::ready;
  const std::size_t handled = recorder.count();
  gate.open();
  CHECK(published.get());
  CHECK(returned);
  CHECK(handled == (is_inline(*bus) ? 1U : 0U));
  CHECK(recorder.wait_for(1));
}

TEST_CASE("with inline dispatch each event that one thread publishes is handled when publish returns", "[J][J.78]") {
  Stream stream;
  auto bus = stream.connect();
  if (!is_inline(*bus)) SKIP("needs inline dispatch");
  std::atomic<int> handled{0};
  auto subscription = bus->subscribe_to_all([&](const Event&) {
    for (std::atomic<int> spin{0}; spin < 2000; ++spin) {  // so that the bus's own thread wakes up meanwhile
    }
    ++handled;
  });
  bus->start_consuming();
  int late = 0;
  for (int i = 1; i <= 20000; ++i) {
    bus->publish(make_event("OrderCreated"));
    late += handled == i ? 0 : 1;
  }
  CHECK(late == 0);
}

TEST_CASE("a second consumer of a group gets a share exactly if competing consumers are declared", "[J][J.78]") {
  Stream stream;
  Gate gate;
  auto publisher = stream.connect();
  const bool competing = publisher->capabilities().competing_consumers;
  INFO("competing_consumers is " << (competing ? "declared" : "not declared"));
  need_background_dispatch(*publisher, "the handlers wait for one another");
  auto consumer = [&](const char* name) {
    auto bus = stream.connect({{"batch_size", "1"}, {"consumer_name", name}});
    bus->subscribe_to_all([&](const Event&) { gate.wait(); }).detach();
    bus->start_consuming();
    return bus;
  };
  auto one = consumer("one");
  std::unique_ptr<EventBus> two;
  const auto refused = error_of([&] { two = consumer("two"); });
  publish_written(*publisher, make_events("OrderCreated", 20));
  if (competing) {
    CHECK_FALSE(refused);
    CHECK(gate.wait_for_arrivals(2));
  } else if (!refused) {
    REQUIRE(gate.wait_for_arrivals(1));
    CHECK_FALSE(eventually([&] { return gate.arrived() > 1; }, std::chrono::seconds(1)));
  }
  gate.open();
}

std::size_t threads() {
  auto tasks = std::filesystem::directory_iterator("/proc/self/task");
  return static_cast<std::size_t>(std::distance(begin(tasks), end(tasks)));
}

void use_once(const Stream& stream) {
  Recorder recorder;
  auto bus = stream.connect();
  auto subscription = bus->subscribe_to_all(recorder.handler());
  bus->start_consuming();
  bus->publish(make_event("OrderCreated"));
  REQUIRE(recorder.wait_for(1));
}

TEST_CASE("a bus that is gone leaves no thread behind", "[J][J.76]") {
  Stream stream;
  use_once(stream);  // what is started once a process does not count
  const std::size_t before = threads();
  for (int i = 0; i < 5; ++i) use_once(stream);
  CHECK(eventually([&] { return threads() <= before; }, std::chrono::seconds(5)));
  INFO(threads() << " threads, " << before << " before");
  CHECK(threads() <= before);
}

// What leaves the call, if it is no Error.
template <class Call>
std::string foreign_exception_of(Call&& call) {
  try {
    call();
  } catch (const Error&) {
  } catch (const std::exception& error) {
    return error.what();
  } catch (...) {
    return "something that is no std::exception";
  }
  return {};
}

TEST_CASE("no exception but Error leaves a call of the bus", "[J][J.75]") {
  Stream stream;
  Recorder recorder;
  auto bus = stream.open();
  auto subscription = bus->subscribe_to_all(recorder.handler());
  CHECK(foreign_exception_of([&] { bus->connect(); }) == "");
  CHECK(foreign_exception_of([&] { bus->publish(make_event("OrderCreated")); }) == "");
  CHECK(foreign_exception_of([&] { bus->publish_all(make_events("OrderPaid", 3)); }) == "");
  CHECK(foreign_exception_of([&] { bus->start_consuming(); }) == "");
  CHECK(foreign_exception_of([&] { static_cast<void>(bus->stream_info()); }) == "");
  CHECK(foreign_exception_of([&] { static_cast<void>(bus->history()); }) == "");
  CHECK(foreign_exception_of([&] { static_cast<void>(bus->dead_letters()); }) == "");
  CHECK(foreign_exception_of([&] { static_cast<void>(bus->recover()); }) == "");
  CHECK(foreign_exception_of([&] { bus->stop_consuming(); }) == "");
}

}  // namespace
}  // namespace eventbus::conformance
