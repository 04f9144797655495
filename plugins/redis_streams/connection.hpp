// One connection to a Redis server: requests out, replies in. The only place that knows hiredis.
#pragma once

#include <charconv>
#include <chrono>
#include <cstdint>
#include <eventbus/error.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "reply.hpp"
#include "url.hpp"

namespace eventbus::redis_streams {

// Commands in the protocol's own bytes, built into one buffer.
class Request {
 public:
  Request& command(std::size_t arguments) {
    put('*', arguments);
    ++commands_;
    return *this;
  }
  Request& operator<<(std::string_view argument) {
    put('$', argument.size());
    out_.append(argument);
    out_ += "\r\n";
    return *this;
  }
  Request& operator<<(std::int64_t number) {
    char digits[24];
    char* end = std::to_chars(digits, digits + sizeof digits, number).ptr;
    return *this << std::string_view(digits, static_cast<std::size_t>(end - digits));
  }
  void clear() noexcept {
    out_.clear();
    commands_ = 0;
  }
  const std::string& bytes() const noexcept { return out_; }
  std::size_t commands() const noexcept { return commands_; }

 private:
  void put(char kind, std::size_t count) {
    char line[26];
    line[0] = kind;
    char* end = std::to_chars(line + 1, line + sizeof line - 2, count).ptr;
    *end++ = '\r';
    *end++ = '\n';
    out_.append(line, end);
  }

  std::string out_;
  std::size_t commands_ = 0;
};

template <class... Arguments>
Request make_request(const Arguments&... arguments) {
  Request request;
  request.command(sizeof...(arguments));
  (request << ... << arguments);
  return request;
}

// What a server's error reply means to a caller.
Error error_from(std::string_view reply, const std::string& doing, const std::string& address);

// Threads: one at a time.
class Connection {
 public:
  Connection(Url url, std::chrono::milliseconds connect_timeout, std::chrono::milliseconds timeout,
             const std::string& name);
  ~Connection();

  void connect();  // anew; throws unavailable or invalid_config
  void disconnect() noexcept;
  bool is_connected() const noexcept { return context_ != nullptr; }
  // Whether a request may be sent now: false too if the server has closed the connection meanwhile.
  bool is_usable() const noexcept;
  std::int64_t client_id() const noexcept { return client_id_; }
  const std::string& name() const noexcept { return name_; }
  const Url& url() const noexcept { return url_; }

  // Sends all of it. Throws unavailable, and the connection is gone. Never raises SIGPIPE.
  void send(const Request& request);
  // The next reply, errors included, waiting `extra` longer than usual. Throws timed_out if none comes or the
  // connection ends, and the connection is gone.
  Reply read(std::chrono::milliseconds extra = std::chrono::milliseconds{0});
  // One command and its reply; an error reply is thrown.
  Reply call(const Request& request, const std::string& doing);

 private:
  [[noreturn]] void lost(ErrorCode code, const std::string& doing, const std::string& why);
  void set_timeout(std::chrono::milliseconds timeout) noexcept;

  const Url url_;
  const std::chrono::milliseconds connect_timeout_, timeout_;
  const std::string name_;
  void* context_ = nullptr;
  std::chrono::milliseconds current_timeout_{0};
  std::int64_t client_id_ = 0;
  std::shared_ptr<ArenaPool> arenas_ = std::make_shared<ArenaPool>();
  std::unique_ptr<Arena> arena_;  // of the reply that is being read
};

}  // namespace eventbus::redis_streams
