#include "storm.hpp"

#include <signal.h>
#include <sys/wait.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <iostream>
#include <mutex>
#include <random>
#include <thread>

#include <eventbus/open_bus.hpp>

#include "journal.hpp"
#include "redis_client.hpp"
#include "redis_server.hpp"
#include "worker.hpp"

namespace eventbus::chaos {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;
using testing::RedisServer;

std::string config_for(const RedisServer& server) {
  return R"({"backend": "redis-streams", "stream_prefix": "chaos", "consumer_group": "workers", "concurrency": 3,)"
         R"( "pending_idle_ms": 4000, "recovery_interval_ms": 1000, "max_retries": 2, "connect_retry_ms": 10000,)"
         R"( "retry": {"initial_ms": 50, "max_ms": 500}, "log": {"level": "off"},)"
         R"( "backends": {"redis-streams": {"redis_url": ")" +
         server.url() + R"("}}})";
}

struct Worker {
  std::string name;
  pid_t pid = -1;
  std::size_t life = 0;  // index into Aftermath::lives
};

class Storm {
 public:
  Storm(const Plan& plan, const std::filesystem::path& directory)
      : plan_(plan),
        directory_(directory),
        random_(plan.seed),
        server_(RedisServer::Keeps::synced),
        config_(config_for(server_)) {}

  Aftermath run() {
    for (int i = 0; i < plan_.workers; ++i) workers_.push_back({"worker-" + std::to_string(i)});
    for (Worker& worker : workers_) start(worker);
    std::vector<std::thread> publishers;
    for (int i = 0; i < plan_.publishers; ++i) publishers.emplace_back([this, i] { publish(i); });
    rage();
    publishing_ = false;
    for (std::thread& publisher : publishers) publisher.join();
    calm();
    return std::move(after_);
  }

 private:
  // Aggregates of one publisher alone, so that the order of an aggregate is the order of its publishing.
  void publish(int number) {
    std::mt19937_64 random(plan_.seed * 1000 + static_cast<std::uint64_t>(number));
    auto bus = open_bus(parse_config(config_, "the chaos test"));
    bus->connect();
    for (std::uint64_t n = 0; publishing_; ++n) {
      Event event;
      event.id = "p" + std::to_string(number) + "-" + std::to_string(n);
      event.type = "OrderChanged";
      event.aggregate_id = "p" + std::to_string(number) + "-order-" + std::to_string(random() % 20);
      event.payload = Payload("{}");
      publish_until_written(*bus, event);
      std::this_thread::sleep_for(std::chrono::microseconds(random() % 5000));
    }
  }

  void publish_until_written(EventBus& bus, const Event& event) {
    for (;;) {
      try {
        bus.publish(event);
        std::lock_guard lock(mutex_);
        after_.published.insert(event.id);
        return;
      } catch (const Error& error) {
        std::lock_guard lock(mutex_);
        if (error.code() == ErrorCode::timed_out) ++after_.resent;
        if (!error.retryable()) {
          after_.complaints.push_back(std::string("a publish failed for good: ") + error.what());
          return;
        }
      }
      std::this_thread::sleep_for(milliseconds(10));
    }
  }

  void start(Worker& worker) {
    worker.life = after_.lives.size();
    Life& life = after_.lives.emplace_back();
    life.worker = worker.name;
    life.journal = directory_ / (worker.name + "." + std::to_string(worker.life));
    worker.pid = start_worker({config_, worker.name, life.journal, plan_.seed});
  }

  int wait_for(Worker& worker) {
    int status = 0;
    while (::waitpid(worker.pid, &status, 0) < 0 && errno == EINTR) {
    }
    worker.pid = -1;
    return status;
  }

  void kill(Worker& worker) {
    after_.lives[worker.life].killed_at = shared_clock();
    ::kill(worker.pid, SIGKILL);
    const int status = wait_for(worker);
    if (!WIFSIGNALED(status)) after_.complaints.push_back(worker.name + " ended before it was killed");
  }

  void rage() {
    const auto end = Clock::now() + std::chrono::seconds(plan_.seconds);
    while (Clock::now() < end) {
      std::this_thread::sleep_for(milliseconds(200 + random_() % 600));
      const auto lot = random_() % 10;
      if (lot < 5) {
        Worker& worker = workers_[random_() % workers_.size()];
        kill(worker);
        std::this_thread::sleep_for(milliseconds(random_() % 300));
        start(worker);
      } else if (lot < 8) {
        after_.cuts.push_back(shared_clock());
        testing::RedisClient(server_.port()).call({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
      } else {
        after_.restarts.push_back(shared_clock());
        server_.stop();
        std::this_thread::sleep_for(milliseconds(random_() % 300));
        server_.start();
      }
    }
  }

  bool is_settled(EventBus& bus) {
    try {
      const StreamInfo info = bus.stream_info();
      for (const StreamInfo::Group& group : info.groups) {
        if (group.name == "workers") return group.pending == 0 && group.last_delivered == info.last;
      }
    } catch (const Error&) {  // its connection is being restored
    }
    return false;
  }

  void calm() {
    auto bus = open_bus(parse_config(config_, "the chaos test"));
    bus->connect();
    const auto end = Clock::now() + std::chrono::seconds(60);
    while (!(after_.settled = is_settled(*bus)) && Clock::now() < end) std::this_thread::sleep_for(milliseconds(50));
    for (Worker& worker : workers_) ::kill(worker.pid, SIGTERM);
    for (Worker& worker : workers_) {
      const int status = wait_for(worker);
      if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        after_.complaints.push_back(worker.name + " did not end well");
    }
    DeadLetterQuery query;
    for (;;) {
      DeadLetterPage page = bus->dead_letters(query);
      after_.dead.insert(after_.dead.end(), page.entries.begin(), page.entries.end());
      if (!page.next) break;
      query.after = *page.next;
    }
  }

  const Plan plan_;
  const std::filesystem::path directory_;
  std::mt19937_64 random_;
  RedisServer server_;
  const std::string config_;
  std::vector<Worker> workers_;
  std::atomic<bool> publishing_{true};
  std::mutex mutex_;  // guards what publishers write into after_
  Aftermath after_;
};

}  // namespace

Aftermath rage(const Plan& plan, const std::filesystem::path& directory) { return Storm(plan, directory).run(); }

}  // namespace eventbus::chaos
