#include "redis_client.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <stdexcept>

namespace eventbus::testing {
namespace {
[[noreturn]] void refuse(const std::string& why) { throw std::runtime_error("redis client: " + why); }
}  // namespace

RedisClient::RedisClient(int port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  timeval patience{20, 0};
  setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    close(fd_);
    refuse("cannot connect to port " + std::to_string(port));
  }
}

RedisClient::~RedisClient() { close(fd_); }

std::string RedisClient::call(const std::vector<std::string>& words) {
  std::string request = "*" + std::to_string(words.size()) + "\r\n";
  for (const std::string& word : words) request += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
  for (std::string_view left = request; !left.empty();) {
    const ssize_t sent = send(fd_, left.data(), left.size(), MSG_NOSIGNAL);
    if (sent <= 0) refuse("cannot send " + words.front());
    left.remove_prefix(static_cast<std::size_t>(sent));
  }
  return read_reply();
}

void RedisClient::fill() {
  char part[4096];
  const ssize_t size = recv(fd_, part, sizeof part, 0);
  if (size <= 0) refuse("the connection ended");
  buffer_.append(part, static_cast<std::size_t>(size));
}

std::string RedisClient::read_line() {
  std::size_t end;
  while ((end = buffer_.find("\r\n")) == std::string::npos) fill();
  std::string line = buffer_.substr(0, end);
  buffer_.erase(0, end + 2);
  return line;
}

std::string RedisClient::read_bytes(std::size_t count) {
  while (buffer_.size() < count + 2) fill();
  std::string bytes = buffer_.substr(0, count);
  buffer_.erase(0, count + 2);
  return bytes;
}

std::string RedisClient::read_reply() {
  const std::string line = read_line();
  const std::string rest = line.substr(1);
  switch (line.front()) {
    case '+':
    case ':': return rest;
    case '-': refuse(rest);
    case '$': return rest == "-1" ? std::string() : read_bytes(std::stoul(rest));
    case '*': {
      std::string all;
      for (long left = std::stol(rest); left > 0; --left) all += read_reply() + "\n";
      return all;
    }
  }
  refuse("an answer that it does not know: " + line);
}

}  // namespace eventbus::testing
