#include "connection.hpp"

#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <memory>
#include <new>

namespace eventbus::redis_streams {
namespace {

constexpr std::size_t kept_buffer = std::size_t{1} << 20;

timeval to_timeval(std::chrono::milliseconds time) {
  return {static_cast<time_t>(time.count() / 1000), static_cast<suseconds_t>(time.count() % 1000 * 1000)};
}
redisContext* as_context(void* context) { return static_cast<redisContext*>(context); }

// What hiredis parses goes into the arena of the reply at hand. These are called from C: null is how they say that
// there is no memory.
static_assert(ReplyNode::string == REDIS_REPLY_STRING && ReplyNode::array == REDIS_REPLY_ARRAY &&
              ReplyNode::integer_number == REDIS_REPLY_INTEGER && ReplyNode::nil == REDIS_REPLY_NIL &&
              ReplyNode::status == REDIS_REPLY_STATUS && ReplyNode::error == REDIS_REPLY_ERROR);

void* allocate(const redisReadTask* task, std::size_t size) noexcept {
  try {
    return static_cast<Arena*>(task->privdata)->allocate(size);
  } catch (...) {
    return nullptr;
  }
}

ReplyNode* new_node(const redisReadTask* task, int kind) noexcept {
  void* place = task->parent ? &static_cast<ReplyNode*>(task->parent->obj)->elements[task->idx]
                             : allocate(task, sizeof(ReplyNode));
  if (!place) return nullptr;
  auto* node = new (place) ReplyNode;
  node->kind = kind;
  return node;
}

// Copied: the reader's own buffer moves.
void* create_string(const redisReadTask* task, char* text, std::size_t size) {
  ReplyNode* node = new_node(task, task->type);
  auto* copy = static_cast<char*>(allocate(task, size));
  if (!node || !copy) return nullptr;
  std::memcpy(copy, text, size);
  node->text = copy;
  node->size = size;
  return node;
}

#if HIREDIS_MAJOR >= 1
using ElementCount = std::size_t;
#else
using ElementCount = int;
#endif

void* create_array(const redisReadTask* task, ElementCount elements) {
  ReplyNode* node = new_node(task, task->type);
  auto count = static_cast<std::size_t>(elements);
  void* place = allocate(task, count * sizeof(ReplyNode));
  if (!node || !place) return nullptr;
  node->elements = static_cast<ReplyNode*>(place);
  std::uninitialized_default_construct_n(node->elements, count);
  node->size = count;
  return node;
}

void* create_integer(const redisReadTask* task, long long value) {
  ReplyNode* node = new_node(task, ReplyNode::integer_number);
  if (node) node->integer = value;
  return node;
}

void* create_nil(const redisReadTask* task) { return new_node(task, ReplyNode::nil); }

void free_nothing(void*) {}  // the arena goes with its reply

redisReplyObjectFunctions into_arenas = [] {
  redisReplyObjectFunctions out{};
  out.createString = create_string;
  out.createArray = create_array;
  out.createInteger = create_integer;
  out.createNil = create_nil;
#if HIREDIS_MAJOR >= 1  // of RESP3, which is not asked for
  out.createDouble = [](const redisReadTask* task, double, char* text, std::size_t size) {
    return create_string(task, text, size);
  };
  out.createBool = [](const redisReadTask* task, int value) { return create_integer(task, value); };
#endif
  out.freeObject = free_nothing;
  return out;
}();

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
  arena_.reset();
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
  // A context that connects anew by itself would take hiredis' own reader again: this one never does.
  redisReaderFree(context->reader);
  context->reader = redisReaderCreateWithFunctions(&into_arenas);
  if (!context->reader) {
    redisFree(context);
    throw std::bad_alloc();
  }
  context->reader->maxbuf = kept_buffer;
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
  if (!arena_) arena_ = arenas_->take();
  context->reader->privdata = arena_.get();
  void* reply = nullptr;
  errno = 0;
  if (redisGetReply(context, &reply) != REDIS_OK || !reply) {
    bool late = context->err == REDIS_ERR_IO && (errno == EAGAIN || errno == EWOULDBLOCK);
    lost(ErrorCode::timed_out, "read the answer of", late ? "no answer in time" : context->errstr);
  }
  return Reply(static_cast<const ReplyNode*>(reply), std::move(arena_), arenas_);
}

Reply Connection::call(const Request& request, const std::string& doing) {
  send(request);
  Reply reply = read();
  if (reply.is_error()) throw error_from(reply.text(), doing, url_.address());
  return reply;
}

}  // namespace eventbus::redis_streams
