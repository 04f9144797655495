// I. Looking inside: traces.
#include <algorithm>

#include "harness.hpp"

namespace eventbus::conformance {
namespace {

// What is known of one span.
struct Trace {
  SpanKind kind;
  std::string name;
  std::string traceparent{}, tracestate{};
  const void* self = nullptr;
  const void* parent = nullptr;
  std::string message_id{};
  std::string failure{};
  bool ended = false;
};

class Notebook final : public Tracer {
 public:
  std::unique_ptr<Span> start(const SpanStart& start) noexcept override;

  bool wait_for_ended(SpanKind kind, std::size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, deadline, [&] {
      return static_cast<std::size_t>(std::count_if(traces_.begin(), traces_.end(), [&](const Trace& trace) {
               return trace.kind == kind && trace.ended;
             })) >= count;
    });
  }
  std::vector<Trace> of(SpanKind kind) const {
    std::lock_guard lock(mutex_);
    std::vector<Trace> some;
    std::copy_if(traces_.begin(), traces_.end(), std::back_inserter(some),
                 [&](const Trace& trace) { return trace.kind == kind; });
    return some;
  }

 private:
  class Writer;
  mutable std::mutex mutex_;  // guards traces_
  std::condition_variable changed_;
  std::vector<Trace> traces_;
};

constexpr const char* made_parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
constexpr const char* given_parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

class Notebook::Writer final : public Span {
 public:
  Writer(Notebook& notebook, std::size_t index) : notebook_(notebook), index_(index) {}
  ~Writer() override {
    std::lock_guard lock(notebook_.mutex_);
    notebook_.traces_[index_].ended = true;
    notebook_.changed_.notify_all();
  }
  TraceContext context() const override { return {made_parent, "vendor=a"}; }
  void fail(std::string_view type, std::string_view message) override {
    std::lock_guard lock(notebook_.mutex_);
    notebook_.traces_[index_].failure = std::string(type) + ": " + std::string(message);
  }

 private:
  Notebook& notebook_;
  std::size_t index_;
};

std::unique_ptr<Span> Notebook::start(const SpanStart& start) noexcept {
  std::lock_guard lock(mutex_);
  auto writer = std::make_unique<Writer>(*this, traces_.size());
  Trace trace{start.kind, std::string(start.name), std::string(start.traceparent), std::string(start.tracestate)};
  trace.self = writer.get();
  trace.parent = start.parent;
  for (const SpanAttribute& attribute : start.attributes) {
    if (attribute.name == "messaging.message.id") trace.message_id = std::get<std::string_view>(attribute.value);
  }
  traces_.push_back(std::move(trace));
  return writer;
}

TEST_CASE("trace context crosses byte for byte", "[I][I.74]") {
  Stream stream;
  Recorder recorder;
  auto bus = stream.connect();
  auto subscription = bus->subscribe_to_all(recorder.handler());
  bus->start_consuming();
  Event event = make_event("OrderCreated");
  event.headers = {{"traceparent", given_parent}, {"tracestate", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"}};
  bus->publish(event);
  REQUIRE(recorder.wait_for(1));
  CHECK(recorder.all().front().event.headers == event.headers);
}

TEST_CASE("there is one publish span, one process span linked to it, and one handle span a handler", "[I][I.74]") {
  Stream stream;
  Recorder recorder;
  auto notebook = std::make_shared<Notebook>();
  auto bus = stream.connect();
  bus->set_tracer(notebook);
  auto one = bus->subscribe("OrderCreated", recorder.handler("first"));
  auto two = bus->subscribe_to_all(recorder.handler("second"));
  bus->start_consuming();
  Event event = make_event("OrderCreated");
  event.id = "the-id";
  bus->publish(event);
  REQUIRE(recorder.wait_for(2));
  REQUIRE(notebook->wait_for_ended(SpanKind::consumer, 1));
  const auto published = notebook->of(SpanKind::producer);
  const auto processed = notebook->of(SpanKind::consumer);
  const auto handled = notebook->of(SpanKind::internal);
  REQUIRE(published.size() == 1);
  REQUIRE(processed.size() == 1);
  REQUIRE(handled.size() == 2);
  CHECK(published[0].ended);
  CHECK(published[0].traceparent.empty());
  CHECK(published[0].message_id == "the-id");
  CHECK(published[0].name.find(bus->stream_name()) != std::string::npos);
  CHECK(processed[0].traceparent == made_parent);
  CHECK(processed[0].tracestate == "vendor=a");
  CHECK(processed[0].message_id == "the-id");
  for (const Trace& trace : handled) {
    CHECK(trace.parent == processed[0].self);
    CHECK(trace.ended);
    CHECK(trace.failure.empty());
  }
  CHECK(handled[0].name.find("first") != std::string::npos);
  CHECK(handled[1].name.find("second") != std::string::npos);
  CHECK(recorder.all().front().event.headers.get("traceparent") == made_parent);
}

TEST_CASE("an event that has a trace context keeps it, and its spans continue it", "[I][I.74]") {
  Stream stream;
  Recorder recorder;
  auto notebook = std::make_shared<Notebook>();
  auto bus = stream.connect();
  bus->set_tracer(notebook);
  auto subscription = bus->subscribe_to_all(recorder.handler());
  bus->start_consuming();
  Event event = make_event("OrderCreated");
  event.headers = {{"traceparent", given_parent}};
  bus->publish(event);
  REQUIRE(recorder.wait_for(1));
  REQUIRE(notebook->wait_for_ended(SpanKind::consumer, 1));
  CHECK(recorder.all().front().event.headers == event.headers);
  CHECK(notebook->of(SpanKind::producer).front().traceparent == given_parent);
  CHECK(notebook->of(SpanKind::consumer).front().traceparent == given_parent);
}

TEST_CASE("each event of a list has a publish span, and each attempt a process span", "[I][I.74]") {
  Stream stream;
  auto notebook = std::make_shared<Notebook>();
  auto publisher = stream.connect();
  auto bus = stream.connect({{"retry.initial_ms", "10"}});
  publisher->set_tracer(notebook);
  bus->set_tracer(notebook);
  auto subscription = bus->subscribe_to_all([](const Event&, const Delivery& delivery) {
    if (delivery.attempt() == 1) throw std::runtime_error("not today");
  });
  bus->start_consuming();
  publish_written(*publisher, make_events("OrderCreated", 3));
  REQUIRE(notebook->wait_for_ended(SpanKind::consumer, 6));
  REQUIRE(settles(*bus));
  CHECK(notebook->of(SpanKind::producer).size() == 3);
  CHECK(notebook->of(SpanKind::consumer).size() == 6);
  const auto handled = notebook->of(SpanKind::internal);
  CHECK(handled.size() == 6);
  CHECK(std::count_if(handled.begin(), handled.end(),
                      [](const Trace& trace) { return trace.failure.find("not today") != std::string::npos; }) == 3);
}

TEST_CASE("with enable_tracing false no span is started and no header is added", "[I][I.74]") {
  Stream stream;
  Recorder recorder;
  auto notebook = std::make_shared<Notebook>();
  auto bus = stream.connect({{"enable_tracing", "false"}});
  bus->set_tracer(notebook);
  auto subscription = bus->subscribe_to_all(recorder.handler());
  bus->start_consuming();
  bus->publish(make_event("OrderCreated"));
  REQUIRE(recorder.wait_for(1));
  REQUIRE(settles(*bus));
  CHECK(recorder.all().front().event.headers.empty());
  for (const SpanKind kind : {SpanKind::producer, SpanKind::consumer, SpanKind::internal}) {
    CHECK(notebook->of(kind).empty());
  }
}

}  // namespace
}  // namespace eventbus::conformance
