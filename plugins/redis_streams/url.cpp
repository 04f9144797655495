#include "url.hpp"

#include <charconv>
#include <eventbus/error.hpp>

namespace eventbus::redis_streams {
namespace {

[[noreturn]] void refuse(const std::string& why) {
  throw Error(ErrorCode::invalid_config, "redis-streams: cannot use backends.redis-streams.redis_url: " + why +
                                             "; allowed are redis://[user:password@]host[:port][/database] and "
                                             "unix:///path[?db=N]");
}

std::string decoded(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(text.data() + i + 1, text.data() + i + 3, value, 16).ptr == text.data() + i + 3) {
      out += static_cast<char>(value);
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

int number(const std::string& text, int minimum, int maximum, const char* what) {
  int value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < minimum || value > maximum) {
    refuse(std::string("its ") + what + " is no number from " + std::to_string(minimum) + " to " +
           std::to_string(maximum));
  }
  return value;
}

void read_credentials(const std::string& text, Url& url) {
  std::size_t colon = text.find(':');
  if (colon == std::string::npos) {
    url.user = decoded(text);
  } else {
    url.user = decoded(text.substr(0, colon));
    url.password = decoded(text.substr(colon + 1));
  }
}

}  // namespace

Url parse_url(const std::string& text) {
  Url url;
  std::size_t mark = text.find("://");
  std::string scheme = mark == std::string::npos ? "" : text.substr(0, mark);
  if (scheme != "redis" && scheme != "rediss" && scheme != "unix") {
    refuse(scheme.empty() ? "it has no scheme" : "its scheme is '" + scheme + "'");
  }
  url.tls = scheme == "rediss";
  std::string rest = text.substr(mark + 3);
  std::size_t question = rest.find('?');
  std::string query = question == std::string::npos ? "" : rest.substr(question + 1);
  rest = rest.substr(0, question);
  if (!query.empty()) {
    if (!query.starts_with("db=")) refuse("its query holds something else than db=N");
    url.database = number(query.substr(3), 0, 1000000, "database");
  }
  std::size_t slash = rest.find('/');
  std::size_t at = rest.rfind('@', slash);
  if (at != std::string::npos) {
    read_credentials(rest.substr(0, at), url);
    rest = rest.substr(at + 1);
    slash = rest.find('/');
  }
  if (scheme == "unix") {
    url.socket_path = decoded(slash == std::string::npos ? rest : rest.substr(slash));
    if (url.socket_path.empty() || url.socket_path[0] != '/') refuse("it names no absolute socket path");
    return url;
  }
  std::string host = rest.substr(0, slash);
  if (slash != std::string::npos && slash + 1 < rest.size()) {
    url.database = number(rest.substr(slash + 1), 0, 1000000, "database");
  }
  std::size_t bracket = host.rfind(']');  // an IPv6 address stands in brackets
  std::size_t colon = host.rfind(':');
  if (colon != std::string::npos && (bracket == std::string::npos || colon > bracket)) {
    url.port = number(host.substr(colon + 1), 1, 65535, "port");
    host.resize(colon);
  }
  if (host.size() > 1 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  if (!host.empty()) url.host = decoded(host);
  return url;
}

}  // namespace eventbus::redis_streams
