#include "tcp_proxy.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>
#include <string_view>

namespace eventbus::testing {
namespace {

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

void send_all(int to, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(to, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

void send_at_once(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

}  // namespace

void TcpProxy::Link::end() noexcept {
  over = true;
  shutdown(client, SHUT_RDWR);
  shutdown(server, SHUT_RDWR);
}

TcpProxy::TcpProxy(int server_port)
    : server_port_(server_port), listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(listener_, 16) != 0 ||
      getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    close(listener_);
    throw std::runtime_error("tcp proxy: cannot listen");
  }
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { accept_clients(); });
}

TcpProxy::~TcpProxy() {
  {
    std::lock_guard lock(mutex_);
    closing_ = true;
    for (Link& link : links_) link.end();
  }
  shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  for (Link& link : links_) {
    link.up.join();
    link.down.join();
    close(link.client);
    close(link.server);
  }
  close(listener_);
}

void TcpProxy::drop_answer_to(std::string text) {
  std::lock_guard lock(mutex_);
  fatal_text_ = std::move(text);
}

void TcpProxy::accept_clients() {
  for (;;) {
    const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) return;
    const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = loopback(server_port_);
    std::lock_guard lock(mutex_);
    if (closing_ || connect(server, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      close(client);
      close(server);
      if (closing_) return;
      continue;
    }
    send_at_once(client);
    send_at_once(server);
    Link& link = links_.emplace_back();
    link.client = client;
    link.server = server;
    link.up = std::thread([this, &link] { send_up(link); });
    link.down = std::thread([this, &link] { send_down(link); });
  }
}

bool TcpProxy::is_fatal(const std::string& bytes) {
  std::lock_guard lock(mutex_);
  if (fatal_text_.empty() || bytes.find(fatal_text_) == std::string::npos) return false;
  fatal_text_.clear();
  return true;
}

void TcpProxy::send_up(Link& link) {
  char part[65536];
  for (ssize_t size; (size = recv(link.client, part, sizeof part, 0)) > 0;) {
    const std::string bytes(part, static_cast<std::size_t>(size));
    if (is_fatal(bytes)) link.doomed = true;  // before the server can answer
    send_all(link.server, bytes);
  }
  link.end();
}

void TcpProxy::send_down(Link& link) {
  char part[65536];
  for (ssize_t size; (size = recv(link.server, part, sizeof part, 0)) > 0;) {
    if (link.doomed) {
      if (!link.over) ++dropped_;
      break;
    }
    send_all(link.client, {part, static_cast<std::size_t>(size)});
  }
  link.end();
}

}  // namespace eventbus::testing
