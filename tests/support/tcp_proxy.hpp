// Stands between a client and a server on 127.0.0.1 and cuts a connection between a command and its answer.
#pragma once

#include <atomic>
#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <thread>

namespace eventbus::testing {

// Forwards bytes both ways until it is destroyed. Threads: any.
class TcpProxy {
 public:
  explicit TcpProxy(int server_port);  // throws std::runtime_error
  ~TcpProxy();
  TcpProxy(const TcpProxy&) = delete;
  TcpProxy& operator=(const TcpProxy&) = delete;

  int port() const noexcept { return port_; }

  // The next time that a client sends `text` (in one piece with its command), the server gets the command, and the
  // client gets no answer: its connection ends when the answer comes.
  void drop_answer_to(std::string text);
  std::uint64_t dropped() const noexcept { return dropped_.load(); }

 private:
  struct Link {
    int client = -1, server = -1;
    std::atomic<bool> doomed{false};
    std::atomic<bool> over{false};
    std::thread up, down;
    void end() noexcept;
  };

  void accept_clients();
  void send_up(Link& link);
  void send_down(Link& link);
  bool is_fatal(const std::string& bytes);

  const int server_port_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<std::uint64_t> dropped_{0};
  std::mutex mutex_;  // guards links_, fatal_text_ and closing_
  std::list<Link> links_;
  std::string fatal_text_;
  bool closing_ = false;
  std::thread acceptor_;
};

}  // namespace eventbus::testing
