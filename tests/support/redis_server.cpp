#include "redis_server.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <stdexcept>
#include <thread>

namespace eventbus::testing {
namespace {

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

int free_port() {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  bool bound = bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
               getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  close(fd);
  if (!bound) throw std::runtime_error("redis server: cannot find a free port");
  return ntohs(address.sin_port);
}

// Whether the server that answers on the port is this process: another one may have taken the port first.
bool answers(int port, pid_t pid) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = loopback(port);
  timeval patience{1, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  std::string reply;
  std::string wanted = "process_id:" + std::to_string(pid) + "\r\n";
  constexpr char request[] = "INFO server\r\n";
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
      send(fd, request, sizeof request - 1, MSG_NOSIGNAL) > 0) {
    char part[2048];
    for (ssize_t size = 1; size > 0 && reply.find(wanted) == std::string::npos && reply.size() < 16384;) {
      size = recv(fd, part, sizeof part, 0);
      if (size > 0) reply.append(part, static_cast<std::size_t>(size));
      if (reply.find("\r\nexecutable:") != std::string::npos) break;
    }
  }
  close(fd);
  return reply.find(wanted) != std::string::npos;
}

}  // namespace

RedisServer::RedisServer(Keeps keeps, std::vector<std::string> extra_arguments)
    : keeps_(keeps), extra_arguments_(std::move(extra_arguments)) {
  if (keeps_ != Keeps::nothing) {
    std::string name = (std::filesystem::temp_directory_path() / "eventbus-redis-XXXXXX").string();
    if (!mkdtemp(name.data())) throw std::runtime_error("redis server: cannot make a directory for its data");
    directory_ = name;
  }
  for (int tries = 1;; ++tries) {  // between finding a free port and using it, another may take it
    port_ = free_port();
    try {
      start();
      return;
    } catch (const std::runtime_error&) {
      if (tries == 5) throw;
    }
  }
}

RedisServer::~RedisServer() {
  stop();
  std::error_code ignored;
  if (!directory_.empty()) std::filesystem::remove_all(directory_, ignored);
}

std::vector<std::string> RedisServer::command() const {
  const bool keeps = keeps_ != Keeps::nothing;
  const char* named = std::getenv("EVENTBUS_TEST_REDIS_SERVER");
  std::vector<std::string> words{named && *named ? named : "redis-server",
                                 "--port",
                                 std::to_string(port_),
                                 "--bind",
                                 "127.0.0.1",
                                 "--save",
                                 "",
                                 "--appendonly",
                                 keeps ? "yes" : "no",
                                 "--appendfsync",
                                 keeps_ == Keeps::synced ? "always" : "no",
                                 "--dir",
                                 keeps ? directory_.string() : "/tmp",
                                 "--dbfilename",
                                 data_file(),
                                 "--daemonize",
                                 "no"};
  words.insert(words.end(), extra_arguments_.begin(), extra_arguments_.end());
  return words;
}

void RedisServer::start() {
  if (pid_ > 0) return;
  std::vector<std::string> words = command();
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  pid_t parent = getpid();
  pid_ = fork();
  if (pid_ < 0) throw std::runtime_error("redis server: cannot fork");
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    int null = open("/dev/null", O_RDWR);
    dup2(null, 0);
    dup2(null, 1);
    dup2(null, 2);
    execvp(arguments[0], arguments.data());
    _exit(127);
  }
  auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!answers(port_, pid_)) {
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) == pid_) {
      pid_ = -1;
      throw std::runtime_error("redis server: " + words[0] + " does not start; is it installed?");
    }
    if (std::chrono::steady_clock::now() > deadline) {
      stop();
      throw std::runtime_error("redis server: it does not answer");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

void RedisServer::stop() noexcept {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
  if (keeps_ == Keeps::nothing) unlink(("/tmp/" + data_file()).c_str());  // written by a reload, read by a start
}

std::string RedisServer::data_file() const {
  return "eventbus-test-" + std::to_string(getpid()) + "-" + std::to_string(port_) + ".rdb";
}

void RedisServer::restart() {
  stop();
  start();
}

}  // namespace eventbus::testing
