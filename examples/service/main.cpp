// service STREAM_PREFIX [ORDERS]: a service that fulfils orders until SIGTERM or SIGINT, answers health checks on the
// way, and then stops so that nothing is lost: what runs is finished, what has not begun stays for the next start.
// It publishes ORDERS orders itself first. Exit code 0 only if every order is either fulfilled or still on the stream.
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <thread>

#include "common/orders.hpp"
#include "service/health.hpp"
#include "service/slow.hpp"

namespace {

using namespace std::chrono_literals;
using shop::OrderCreated;

// Before any thread begins, so that the signals come out of the descriptor and nowhere else.
int termination_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return ::signalfd(-1, &signals, SFD_CLOEXEC);
}

void fulfil(const OrderCreated& order, const eventbus::Event& event) {
  std::this_thread::sleep_for(order.total_amount > 1000 ? 80ms : 2ms);  // the work; a large order needs a check
  std::printf("fulfilled %s\n", event.aggregate_id.c_str());
}

void serve_until_signal(eventbus::EventBus& bus, int signals) {
  shop::HealthPort health;
  std::printf("health on http://127.0.0.1:%d/\n", health.port());
  pollfd waits[] = {{signals, POLLIN, 0}, {health.descriptor(), POLLIN, 0}};
  while (true) {
    ::poll(waits, 2, -1);
    if (waits[0].revents != 0) return;
    if (waits[1].revents != 0) health.answer(bus.health());
  }
}

std::uint64_t left_on_stream(eventbus::EventBus& bus) {
  std::uint64_t left = 0;
  for (const auto& group : bus.stream_info().groups) {
    if (group.name == bus.group()) left += group.pending + group.lag.value_or(0);
  }
  return left;
}

int run(const std::string& prefix, int orders) {
  const int signals = termination_signals();
  eventbus::BusConfig config = shop::config_of(prefix);
  config.consumer_group = "fulfilment";
  config.shutdown_timeout = 10s;  // less than what the supervisor waits before it kills
  auto bus = eventbus::open_bus(config);
  auto subscription =
      bus->subscribe<OrderCreated>(shop::warn_if_slow(eventbus::typed_handler<OrderCreated>("fulfil", fulfil), 50ms));
  bus->connect();
  for (int i = 1; i <= orders; ++i) {
    publish(*bus, OrderCreated{"cust-1", i == 3 ? 5000.0 : 20.0}, shop::of_order("order-" + std::to_string(i), 1));
  }
  bus->start_consuming();  // which also makes the group exist, so what is left can be told from here on
  serve_until_signal(*bus, signals);

  const eventbus::DrainReport drained = bus->stop_consuming();
  const std::uint64_t fulfilled = bus->stats().success, left = left_on_stream(*bus);
  std::printf("stopped: %zu finished on the way out, %zu given back, %zu abandoned\n", std::size_t(drained.finished),
              std::size_t(drained.released), std::size_t(drained.abandoned));
  for (const std::string& name : drained.abandoned_names) std::printf("abandoned: %s\n", name.c_str());
  std::printf("fulfilled here: %zu, left for the next start: %zu\n", std::size_t(fulfilled), std::size_t(left));
  const bool all_there = orders == 0 || fulfilled + left == std::uint64_t(orders);
  return drained.abandoned == 0 && all_there ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  if (argc < 2) {
    std::fprintf(stderr, "usage: service STREAM_PREFIX [ORDERS]\n");
    return 2;
  }
  try {
    return run(argv[1], argc > 2 ? std::atoi(argv[2]) : 0);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "service: %s\n", error.what());
    return 1;
  }
}
