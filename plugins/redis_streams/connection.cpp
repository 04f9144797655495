#include "connection.hpp"

#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>

namespace eventbus::redis_streams {
namespace {

timeval to_timeval(std::chrono::milliseconds time) {
  return {static_cast<time_t>(time.count() / 1000), static_cast<suseconds_t>(time.count() % 1000 * 1000)};
}
const redisReply* as_reply(const void* part) { return static_cast<const redisReply*>(part); }
redisContext* as_context(void* context) { return static_cast<redisContext*>(context); }

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

// A connection's name must be printable ASCII without spaces.
std::string client_name(std::string name) {
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c <= ' ' || c > '~'; }, '_');
  return name;
}

}  // namespace

bool ReplyPart::is_nil() const noexcept { return !part_ || as_reply(part_)->type == REDIS_REPLY_NIL; }
bool ReplyPart::is_error() const noexcept { return part_ && as_reply(part_)->type == REDIS_REPLY_ERROR; }
bool ReplyPart::is_array() const noexcept { return part_ && as_reply(part_)->type == REDIS_REPLY_ARRAY; }
std::int64_t ReplyPart::integer() const noexcept {
  return part_ && as_reply(part_)->type == REDIS_REPLY_INTEGER ? as_reply(part_)->integer : 0;
}
std::string_view ReplyPart::text() const noexcept {
  if (!part_ || !as_reply(part_)->str || is_array()) return {};
  return {as_reply(part_)->str, as_reply(part_)->len};
}
std::size_t ReplyPart::size() const noexcept { return is_array() ? as_reply(part_)->elements : 0; }
ReplyPart ReplyPart::operator[](std::size_t index) const noexcept {
  return index < size() ? ReplyPart(as_reply(part_)->element[index]) : ReplyPart();
}
ReplyPart ReplyPart::field(std::string_view name) const noexcept {
  for (std::size_t i = 0; i + 1 < size(); i += 2) {
    if ((*this)[i].text() == name) return (*this)[i + 1];
  }
  return {};
}
void Reply::Free::operator()(void* reply) const noexcept { freeReplyObject(reply); }

Error error_from(std::string_view reply, const std::string& doing, const std::string& address) {
  // Before Redis 7 a script's error wraps that of the command within.
  if (reply.starts_with("ERR Error running script")) {
    if (std::size_t at = reply.rfind("@user_script:"); at != std::string_view::npos) {
      std::size_t inner = reply.find_first_not_of("0123456789: ", at + std::strlen("@user_script:"));
      if (inner != std::string_view::npos) reply.remove_prefix(inner);
    }
  }
  std::string text = "redis-streams: cannot " + doing + " at " + address + ": " + std::string(reply);
  auto is = [&](std::string_view prefix) { return reply.starts_with(prefix); };
  if (is("NOAUTH")) return {ErrorCode::invalid_config, text + "; put user and password into redis_url"};
  if (is("WRONGPASS") || is("ERR invalid password") || is("ERR AUTH") || is("ERR Client sent AUTH")) {
    return {ErrorCode::invalid_config, text + "; check user and password in redis_url"};
  }
  if (is("NOPERM")) return {ErrorCode::invalid_config, text + "; give the user of redis_url this permission"};
  if (is("DENIED")) {
    return {ErrorCode::invalid_config, text + "; give the server a password or an address to bind to"};
  }
  if (is("WRONGTYPE")) {
    return {ErrorCode::invalid_config,
            text + "; the key is no stream: choose another stream_prefix, or remove the key"};
  }
  if (is("ERR DB index") || is("ERR invalid DB index")) {
    return {ErrorCode::invalid_config, text + "; name another database in redis_url"};
  }
  if (is("MOVED") || is("ASK ") || is("CROSSSLOT")) {
    return {ErrorCode::invalid_config,
            text + "; give stream_prefix a hash tag, as in {orders}, and name the node that has its slot in redis_url"};
  }
  if (is("ERR unknown command") || is("ERR Unknown subcommand")) {
    return {ErrorCode::unsupported, text + "; this server is too old: 6.2 or later is needed"};
  }
  if (is("LOADING")) return {ErrorCode::unavailable, text + "; it is starting: try again soon"};
  if (is("READONLY")) return {ErrorCode::unavailable, text + "; it is a replica: name the master in redis_url"};
  if (is("OOM")) return {ErrorCode::backpressure, text + "; raise maxmemory, or trim the stream"};
  if (is("MASTERDOWN")) {
    return {ErrorCode::unavailable, text + "; it is a replica: name the master in redis_url, or try again soon"};
  }
  if (is("NOGROUP") || is("UNBLOCKED")) return {ErrorCode::unavailable, text + "; the group will be made again"};
  if (is("MISCONF")) return {ErrorCode::unavailable, text + "; the server can't write to its disk"};
  if (is("CLUSTERDOWN") || is("TRYAGAIN") || is("BUSY ") || is("NOREPLICAS") || is("ERR max number of clients")) {
    return {ErrorCode::unavailable, text};
  }
  return {ErrorCode::internal, text};
}

Connection::Connection(Url url, std::chrono::milliseconds connect_timeout, std::chrono::milliseconds timeout,
                       const std::string& name)
    : url_(std::move(url)), connect_timeout_(connect_timeout), timeout_(timeout), name_(client_name(name)) {}

Connection::~Connection() { disconnect(); }

void Connection::disconnect() noexcept {
  if (context_) redisFree(as_context(context_));
  context_ = nullptr;
  client_id_ = 0;
}

void Connection::connect() {
  disconnect();
  redisContext* context = url_.socket_path.empty()
                              ? redisConnectWithTimeout(url_.host.c_str(), url_.port, to_timeval(connect_timeout_))
                              : redisConnectUnixWithTimeout(url_.socket_path.c_str(), to_timeval(connect_timeout_));
  if (!context || context->err) {
    std::string why = context ? lower(context->errstr) : "out of memory";
    if (context) redisFree(context);
    throw Error(ErrorCode::unavailable,
                "redis-streams: cannot connect to " + url_.address() + ": " + why + "; is the server running?");
  }
  context_ = context;
  current_timeout_ = std::chrono::milliseconds{0};
  set_timeout(timeout_);
  if (url_.socket_path.empty()) {
    int on = 1;
    setsockopt(context->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    redisEnableKeepAlive(context);
  }
  try {
    if (!url_.password.empty()) {
      call(url_.user.empty() ? make_request("AUTH", url_.password) : make_request("AUTH", url_.user, url_.password),
           "log in");
    }
    if (url_.database != 0) call(make_request("SELECT", std::int64_t{url_.database}), "select the database");
    call(make_request("CLIENT", "SETNAME", name_), "name the connection");
    client_id_ = call(make_request("CLIENT", "ID"), "ask for the connection's id").integer();
  } catch (...) {
    disconnect();
    throw;
  }
}

bool Connection::is_usable() const noexcept {
  if (!context_) return false;
  char byte;
  // No reply is due: what can be read now is the end of the connection, or a stray byte that no request asked for.
  return recv(as_context(context_)->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
         (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
}

void Connection::set_timeout(std::chrono::milliseconds timeout) noexcept {
  if (timeout == current_timeout_) return;
  redisSetTimeout(as_context(context_), to_timeval(timeout));
  current_timeout_ = timeout;
}

void Connection::lost(ErrorCode code, const std::string& doing, const std::string& why) {
  disconnect();
  throw Error(code, "redis-streams: cannot " + doing + " " + url_.address() + ": " + lower(why) +
                        "; the connection is lost and will be restored");
}

// Past hiredis' own buffer: one copy less, and hiredis' write would raise SIGPIPE where the server is gone.
void Connection::send(const Request& request) {
  if (!context_) lost(ErrorCode::unavailable, "send to", "not connected");
  std::string_view left = request.bytes();
  while (!left.empty()) {
    ssize_t sent = ::send(as_context(context_)->fd, left.data(), left.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      left.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno != EINTR) {
      bool stuck = errno == EAGAIN || errno == EWOULDBLOCK;
      lost(ErrorCode::unavailable, "send to", stuck ? "it takes nothing" : std::strerror(errno));
    }
  }
}

Reply Connection::read(std::chrono::milliseconds extra) {
  if (!context_) lost(ErrorCode::timed_out, "read from", "not connected");
  redisContext* context = as_context(context_);
  // Whole seconds, so that waits that differ by a little do not each cost a system call.
  set_timeout(timeout_ + std::chrono::ceil<std::chrono::seconds>(extra));
  void* reply = nullptr;
  errno = 0;
  if (redisGetReply(context, &reply) != REDIS_OK || !reply) {
    bool late = context->err == REDIS_ERR_IO && (errno == EAGAIN || errno == EWOULDBLOCK);
    lost(ErrorCode::timed_out, "read the answer of", late ? "no answer in time" : context->errstr);
  }
  return Reply(reply);
}

Reply Connection::call(const Request& request, const std::string& doing) {
  send(request);
  Reply reply = read();
  if (reply.is_error()) throw error_from(reply.text(), doing, url_.address());
  return reply;
}

}  // namespace eventbus::redis_streams
