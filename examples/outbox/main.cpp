// Saving to a database and publishing to a bus, with nothing lost between the two, shown by killing the shop there:
// once after the save, once after the publish. It starts itself for that, as `outbox FILE STREAM_PREFIX KILL_AFTER`.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <filesystem>
#include <map>
#include <string>

#include <eventbus/once.hpp>

#include "common/watched.hpp"
#include "outbox/repository.hpp"

namespace {

using eventbus::Event;
using shop::Watched;

std::unique_ptr<eventbus::EventBus> open(const std::string& prefix) {
  eventbus::BusConfig config = shop::config_of(prefix);
  config.consumer_group = "mailer";
  auto bus = eventbus::open_bus(config);
  bus->connect();
  return bus;
}

void die() { ::raise(SIGKILL); }

// The shop's life until it is killed.
int shop_until_killed(const std::string& file, const std::string& prefix, const std::string& kill_after) {
  shop::Database database(file);
  shop::Orders orders(database);
  if (kill_after == "save") {
    shop::Order order = orders.load("order-1");
    order.create("cust-1", 99.99);
    orders.save(order);
    die();
  }
  auto bus = open(prefix);
  orders.relay(*bus, die);
  return 1;  // it should not get here
}

bool is_killed_after(const std::string& moment, const std::string& file, const std::string& prefix) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::execl("/proc/self/exe", "outbox", file.c_str(), prefix.c_str(), moment.c_str(), nullptr);
    ::_exit(127);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

struct Arrived {
  std::map<std::string, int> events;  // by id, how often
  std::map<std::string, int> mails;   // by order
};

void check_conflict(shop::Orders& orders, shop::Outcomes& outcomes) {
  shop::Order here = orders.load("order-1"), there = orders.load("order-1");
  here.ship("TRACK-1");
  there.ship("TRACK-2");
  orders.save(here);
  std::string refusal;
  try {
    orders.save(there);
  } catch (const shop::Conflict& conflict) {
    refusal = conflict.what();
  }
  std::printf("  %s\n", refusal.c_str());
  outcomes.check(refusal.find("the database has version 2") != std::string::npos,
                 "of two who decide at once, the second is refused");
}

int run(const std::string& file) {
  shop::Outcomes outcomes;
  const std::string prefix = shop::config_of_this_run("outbox").stream_prefix;
  outcomes.check(is_killed_after("save", file, prefix), "order-1 is saved; the shop is killed before it publishes");
  outcomes.check(is_killed_after("publish", file, prefix), "order-1 is published; it is killed before it notes so");

  shop::Database database(file);
  shop::Orders orders(database);
  check_conflict(orders, outcomes);
  shop::Order second = orders.load("order-2");
  second.create("cust-2", 20);
  orders.save(second);

  auto bus = open(prefix);
  Watched<Arrived> arrived;
  auto mailer =
      eventbus::typed_handler<shop::OrderCreated>("mailer", [&](const shop::OrderCreated&, const Event& event) {
        arrived.change([&](Arrived& now) { ++now.mails[event.aggregate_id]; });
      });
  auto mails = bus->subscribe<shop::OrderCreated>(once(mailer, bus->idempotency_store()));
  auto all =
      bus->subscribe_to_all([&](const Event& event) { arrived.change([&](Arrived& now) { ++now.events[event.id]; }); });
  const int relayed = orders.relay(*bus);
  outcomes.check(relayed == 3, "the next start publishes what the outbox holds");
  bus->start_consuming();
  arrived.wait([&](const Arrived& now) { return now.events.size() >= 3; });
  bus->stop_consuming();

  Arrived now = arrived.get();
  int total = 0;
  bool all_arrived = true;
  for (const std::string& id : orders.saved_ids()) {
    std::printf("  saved %s, arrived %d time(s)\n", id.c_str(), now.events[id]);
    all_arrived = all_arrived && now.events[id] >= 1;
    total += now.events[id];
  }
  outcomes.check(all_arrived && now.events.size() == orders.saved_ids().size(),
                 "every saved event arrived, and no other");
  const bool outlives = bus->capabilities().durable;  // else what was published died with the killed process
  outcomes.check(total == (outlives ? 4 : 3), outlives ? "one of them twice, under the same id" : "each of them once");
  outcomes.check(now.mails == std::map<std::string, int>{{"order-1", 1}, {"order-2", 1}}, "each customer got one mail");
  return outcomes.exit_code();
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc == 4) return shop_until_killed(argv[1], argv[2], argv[3]);
    std::printf("An outbox, on the backend '%s'\n\n", shop::config_of("any").backend.c_str());
    const auto folder = std::filesystem::temp_directory_path() / ("outbox-" + eventbus::new_event_id());
    std::filesystem::create_directory(folder);
    const int code = run(folder / "shop.db");
    std::filesystem::remove_all(folder);
    return code;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "outbox: %s\n", error.what());
    return 1;
  }
}
