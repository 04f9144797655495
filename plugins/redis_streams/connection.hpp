// One connection to a Redis server: requests out, replies in. The only place that knows hiredis.
#pragma once

#include <chrono>
#include <cstdint>
#include <eventbus/error.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "url.hpp"

namespace eventbus::redis_streams {

// Commands in the protocol's own bytes, built into one buffer.
class Request {
 public:
  Request& command(std::size_t arguments) {
    out_ += '*';
    out_ += std::to_string(arguments);
    out_ += "\r\n";
    ++commands_;
    return *this;
  }
  Request& operator<<(std::string_view argument) {
    out_ += '$';
    out_ += std::to_string(argument.size());
    out_ += "\r\n";
    out_.append(argument);
    out_ += "\r\n";
    return *this;
  }
  Request& operator<<(std::int64_t number) { return *this << std::string_view(std::to_string(number)); }
  void clear() noexcept {
    out_.clear();
    commands_ = 0;
  }
  const std::string& bytes() const noexcept { return out_; }
  std::size_t commands() const noexcept { return commands_; }

 private:
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

class Reply;

// A reply or a part of one; views the whole, and must not outlive it.
class ReplyPart {
 public:
  ReplyPart() = default;
  explicit ReplyPart(const void* part) noexcept : part_(part) {}
  ReplyPart(const ReplyPart&) = default;
  ReplyPart& operator=(const ReplyPart&) = default;
  ReplyPart(Reply&&) = delete;  // it would dangle

  bool is_nil() const noexcept;
  bool is_error() const noexcept;
  bool is_array() const noexcept;
  std::int64_t integer() const noexcept;
  std::string_view text() const noexcept;  // of strings, statuses and errors; empty otherwise
  std::size_t size() const noexcept;       // of arrays; 0 otherwise
  ReplyPart operator[](std::size_t index) const noexcept;

  // The value behind a name in a flat list of names and values; nil if it is not there.
  ReplyPart field(std::string_view name) const noexcept;

 private:
  const void* part_ = nullptr;
};

// A whole reply, and its memory.
class Reply : public ReplyPart {
 public:
  Reply() = default;
  explicit Reply(void* reply) noexcept : ReplyPart(reply), whole_(reply) {}

 private:
  struct Free {
    void operator()(void* reply) const noexcept;
  };
  std::unique_ptr<void, Free> whole_;
};

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
};

}  // namespace eventbus::redis_streams
