// Orders, on whatever backend the configuration names: publish and subscribe, then two workers that share a group's
// events while a second group gets them all. Ends by itself; exit code 0 only if every event of this run arrived.
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <map>
#include <mutex>
#include <set>
#include <string>

#include <eventbus/event_id.hpp>
#include <eventbus/open_bus.hpp>

namespace {

using namespace std::chrono_literals;
using eventbus::Event;

constexpr auto patience = 30s;

// Who received which of this run's events. A stream may hold those of earlier runs: they are acknowledged and ignored.
class Arrivals {
 public:
  explicit Arrivals(std::string run) : run_(std::move(run)) {}

  bool add(const std::string& who, const Event& event) {
    if (event.headers.get("run") != run_) return false;
    std::lock_guard lock(mutex_);
    by_name_[who].insert(event.id);
    changed_.notify_all();
    return true;
  }
  std::size_t count(const std::string& who) {
    std::lock_guard lock(mutex_);
    return by_name_[who].size();
  }
  template <class Condition>
  bool wait(Condition condition) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, patience, [&] { return condition(by_name_); });
  }

 private:
  const std::string run_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, std::set<std::string>> by_name_;
};

using ByName = std::map<std::string, std::set<std::string>>;

std::unique_ptr<eventbus::EventBus> open(eventbus::BusConfig config, const std::string& group,
                                         const std::string& consumer, const std::string& run) {
  config.consumer_group = group;
  config.consumer_name = consumer + "-" + run.substr(run.size() - 8);
  auto bus = eventbus::open_bus(config);
  bus->connect();
  return bus;
}

Event order_created(const std::string& run, int number) {
  return {.type = "OrderCreated",
          .aggregate_id = "order-" + std::to_string(number) + "-" + run.substr(run.size() - 4),
          .aggregate_type = "Order",
          .headers = {{"run", run}},
          .payload = R"({"customer_id": "cust-)" + std::to_string(number) + R"(", "total_amount": 99.99})"};
}

void title(const char* text) { std::printf("\n== %s\n\n", text); }

bool publish_and_receive(const eventbus::BusConfig& config, const std::string& run) {
  title("1. Publish and subscribe");
  Arrivals arrivals(run);
  auto bus = open(config, "order-log", "log", run);
  auto subscription = bus->subscribe("OrderCreated", [&](const Event& event) {
    if (arrivals.add("log", event)) {
      std::printf("   received   %s %s\n", event.aggregate_id.c_str(), std::string(event.payload.bytes()).c_str());
    }
  });
  bus->start_consuming();
  eventbus::Position position = bus->publish(order_created(run, 1));
  std::printf("   published  OrderCreated at %s\n", to_string(position).c_str());
  bool arrived = arrivals.wait([](ByName& by) { return by["log"].size() == 1; });
  bus->stop_consuming();
  return arrived;
}

bool share_and_fan_out(const eventbus::BusConfig& config, const std::string& run) {
  title("2. Two workers share a group; a second group gets everything");
  const std::string second_run = run + "-2";
  Arrivals arrivals(second_run);
  auto worker1 = open(config, "fulfilment", "worker-1", run);
  auto worker2 = open(config, "fulfilment", "worker-2", run);
  auto audit = open(config, "audit", "audit", run);

  // Each worker holds its first event until the other has one too, so that neither can take them all.
  auto work = [&](const std::string& who) {
    return [&, who](const Event& event) {
      if (!arrivals.add(who, event)) return;
      std::printf("   %-9s  %s\n", who.c_str(), event.aggregate_id.c_str());
      arrivals.wait([](ByName& by) { return !by["worker 1"].empty() && !by["worker 2"].empty(); });
    };
  };
  auto one = worker1->subscribe("OrderCreated", work("worker 1"));
  auto two = worker2->subscribe("OrderCreated", work("worker 2"));
  auto all = audit->subscribe_to_all([&](const Event& event) { arrivals.add("audit", event); });

  for (int i = 1; i <= 6; ++i) worker1->publish(order_created(second_run, i));
  std::printf("   published  6 orders\n");
  for (auto* bus : {worker1.get(), worker2.get(), audit.get()}) bus->start_consuming();
  bool arrived = arrivals.wait(
      [](ByName& by) { return by["worker 1"].size() + by["worker 2"].size() == 6 && by["audit"].size() == 6; });
  for (auto* bus : {worker1.get(), worker2.get(), audit.get()}) bus->stop_consuming();
  std::size_t first = arrivals.count("worker 1"), second = arrivals.count("worker 2");
  std::printf("\n   worker 1: %zu, worker 2: %zu, audit: %zu\n", first, second, arrivals.count("audit"));
  return arrived && first > 0 && second > 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const char* named = std::getenv("EVENTBUS_CONFIG");
    eventbus::BusConfig config = argc > 1 ? eventbus::load_config(argv[1])
                                 : named  ? eventbus::load_config(named)
                                          : eventbus::parse_config(R"({"stream_prefix": "orders", "batch_size": 1})");
    std::string run = eventbus::new_event_id();
    std::printf("Orders on the backend '%s', stream %s\n", config.backend.c_str(), config.stream_name().c_str());
    bool arrived = publish_and_receive(config, run);
    arrived = share_and_fan_out(config, run) && arrived;
    std::printf("\n%s\n", arrived ? "Every event of this run arrived." : "Some events of this run did not arrive.");
    return arrived ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "orders: %s\n", error.what());
    return 1;
  }
}
