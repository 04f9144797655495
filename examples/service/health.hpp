// A health check over HTTP, for a probe on this machine: one short answer a connection.
#pragma once

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <nlohmann/json.hpp>
#include <string>
#include <system_error>

#include <eventbus/stats.hpp>

namespace shop {

inline std::string health_json(const eventbus::Health& health) {
  auto number = [](const auto& value) { return value ? nlohmann::json(*value) : nlohmann::json(); };
  const char* const names[] = {"green", "yellow", "red"};
  return nlohmann::json{{"status", names[static_cast<int>(health.status)]},
                        {"connected", health.connected},
                        {"consuming", health.consuming},
                        {"lag", number(health.lag)},
                        {"pending", number(health.pending)},
                        {"dead_letters", number(health.dead_letters)},
                        {"problems", health.problems},
                        {"incidents", health.incidents}}
      .dump();
}

// Listens on a free port of 127.0.0.1. `descriptor` is readable when somebody asks; then call answer.
class HealthPort {
 public:
  HealthPort() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* place = reinterpret_cast<sockaddr*>(&address);
    if (::bind(socket_, place, size) != 0 || ::listen(socket_, 8) != 0 || ::getsockname(socket_, place, &size) != 0) {
      throw std::system_error(errno, std::generic_category(), "service: cannot listen for health checks");
    }
    port_ = ntohs(address.sin_port);
  }
  ~HealthPort() { ::close(socket_); }
  HealthPort(const HealthPort&) = delete;
  HealthPort& operator=(const HealthPort&) = delete;

  int descriptor() const { return socket_; }
  int port() const { return port_; }

  void answer(const eventbus::Health& health) {
    const int peer = ::accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC);
    if (peer < 0) return;
    const timeval patience{1, 0};  // a peer that says nothing must not hold up the service
    ::setsockopt(peer, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    std::string request;
    char buffer[1024];
    while (request.find("\r\n\r\n") == std::string::npos && request.size() < 8192) {
      const ssize_t n = ::recv(peer, buffer, sizeof buffer, 0);
      if (n <= 0) break;
      request.append(buffer, static_cast<std::size_t>(n));
    }
    const std::string body = health_json(health) + "\n";
    const bool up = health.status != eventbus::HealthStatus::red;
    const std::string reply =
        std::string("HTTP/1.1 ") + (up ? "200 OK" : "503 Service Unavailable") +
        "\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) +
        "\r\n\r\n" + body;
    static_cast<void>(::send(peer, reply.data(), reply.size(), MSG_NOSIGNAL));
    ::close(peer);
  }

 private:
  const int socket_;
  int port_ = 0;
};

}  // namespace shop
