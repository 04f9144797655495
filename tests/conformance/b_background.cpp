// B. Publishing: in the background.
#include <algorithm>
#include <atomic>

#include "faults.hpp"
#include "harness.hpp"

namespace eventbus::conformance {
namespace {

using std::chrono::milliseconds;

struct Failure {
  std::string where;
  ErrorCode code;
  std::string event_id;
};

// What the error hook is told. Declare it before the bus.
class Complaints {
 public:
  ErrorHook hook() {
    return [this](const BackgroundError& error) {
      std::lock_guard lock(mutex_);
      all_.push_back({error.where, error.error.code(), error.event ? error.event->id : std::string()});
    };
  }
  std::vector<Failure> of(const std::string& where) const {
    std::lock_guard lock(mutex_);
    std::vector<Failure> some;
    std::copy_if(all_.begin(), all_.end(), std::back_inserter(some),
                 [&](const Failure& one) { return one.where == where; });
    return some;
  }

 private:
  mutable std::mutex mutex_;  // guards all_
  std::vector<Failure> all_;
};

TEST_CASE("what is published in the background is written in order, and a flush waits for it", "[B][B.17]") {
  Stream stream;
  Recorder recorder;
  auto consumer = stream.connect();
  auto subscription = consumer->subscribe_to_all(recorder.handler());
  consumer->start_consuming();
  auto bus = stream.connect();
  CHECK(bus->flush(milliseconds(0)));
  for (Event& event : make_events("OrderCreated", 200)) bus->publish_background(std::move(event));
  REQUIRE(bus->flush(deadline));
  CHECK(bus->stats().published == 200);
  CHECK(bus->stats().background_pending == 0);
  CHECK(bus->stats().background_failed == 0);
  REQUIRE(recorder.wait_for(200));
  const auto received = recorder.all();
  REQUIRE(received.size() == 200);
  for (std::size_t i = 0; i < received.size(); ++i) REQUIRE(received[i].event.payload.bytes() == std::to_string(i));
}

TEST_CASE("disconnecting waits for what was published in the background", "[B][B.17]") {
  Stream stream;
  Recorder recorder;
  auto consumer = stream.connect();
  auto bus = stream.connect();
  for (Event& event : make_events("OrderCreated", 200)) bus->publish_background(std::move(event));
  bus->disconnect();
  CHECK(bus->stats().published == 200);
  auto subscription = consumer->subscribe_to_all(recorder.handler());
  consumer->start_consuming();
  REQUIRE(recorder.wait_for(200));
}

TEST_CASE("what can be refused at once is refused to the caller, also in the background", "[B][B.17]") {
  Stream stream;
  auto bus = stream.open();
  CHECK(code_of([&] { bus->publish_background(make_event("OrderCreated")); }) == ErrorCode::closed);
  bus->connect();
  CHECK(code_of([&] { bus->publish_background(make_event("")); }) == ErrorCode::invalid_argument);
  CHECK(bus->stats().publish_rejected == 1);
  CHECK(bus->stats().background_failed == 0);
}

TEST_CASE("a background publish returns before the write is done, and at most max_background wait", "[B][B.17]") {
  need_faults();
  Stream stream;
  auto bus = stream.connect({{"max_background", "5"}});
  bus->publish(make_event("OrderCreated"));
  Passing pause("pause-writes", "resume-writes");
  for (Event& event : make_events("OrderCreated", 5)) bus->publish_background(std::move(event));
  CHECK(bus->stats().published == 1);
  CHECK(bus->stats().background_pending == 5);
  CHECK_FALSE(bus->flush(milliseconds(10)));
  auto sixth = std::async(std::launch::async, [&] { bus->publish_background(make_event("OrderCreated", "5")); });
  CHECK(sixth.wait_for(milliseconds(200)) == std::future_status::timeout);  // the caller publishes it itself
  CHECK(bus->stats().background_pending == 5);
  pause.end();
  sixth.get();
  REQUIRE(bus->flush(deadline));
  CHECK(bus->stats().published == 7);
}

TEST_CASE("a background publish that is refused for good is counted and told to the error hook, with its event",
          "[B][B.17]") {
  need_faults();
  Stream stream;
  Complaints complaints;
  auto bus = stream.connect();
  bus->set_error_hook(complaints.hook());
  Passing wrong_kind("set-wrong-kind", "unset", {bus->stream_name()});
  Event event = make_event("OrderCreated");
  event.id = "the-id";
  bus->publish_background(event);
  REQUIRE(bus->flush(deadline));
  CHECK(bus->stats().background_failed == 1);
  REQUIRE(eventually([&] { return !complaints.of("publish_background").empty(); }));
  const auto told = complaints.of("publish_background");
  CHECK(told.size() == 1);
  CHECK(told.front().event_id == "the-id");
}

TEST_CASE("a background publish is sent again while the failure is retryable, and given up when the bus is closed",
          "[B][B.17]") {
  if (target().bounded.empty()) SKIP("needs a setting that bounds the stream to three events (--bounded)");
  Stream stream;
  Complaints complaints;
  auto holder = stream.connect({{"consumer_group", "holders"}});  // a group that settles nothing
  holder->start_consuming();
  auto bus = stream.connect(target().bounded);
  bus->set_error_hook(complaints.hook());
  Event event = make_event("OrderCreated", "3");
  event.id = "the-id";
  publish_written(*bus, make_events("OrderCreated", 3));
  bus->publish_background(event);
  CHECK_FALSE(bus->flush(milliseconds(500)));
  CHECK(bus->stats().background_failed == 0);
  bus->disconnect();
  CHECK(bus->stats().background_failed == 1);
  const auto told = complaints.of("publish_background");
  REQUIRE(told.size() == 1);
  CHECK(told.front().code == ErrorCode::backpressure);
  CHECK(told.front().event_id == "the-id");
}

}  // namespace
}  // namespace eventbus::conformance
