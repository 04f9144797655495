// redis://user:password@host:port/database, rediss://..., unix:///path?db=N.
#pragma once

#include <string>

namespace eventbus::redis_streams {

struct Url {
  bool tls = false;
  std::string socket_path;  // not empty: a unix socket
  std::string host = "127.0.0.1";
  int port = 6379;
  std::string user;
  std::string password;
  int database = 0;

  std::string address() const { return socket_path.empty() ? host + ":" + std::to_string(port) : socket_path; }
};

// Throws Error (invalid_config) whose text holds nothing of the URL but its scheme: the rest may be secret.
Url parse_url(const std::string& text);

}  // namespace eventbus::redis_streams
