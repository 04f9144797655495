// The `eventbus` command as a user calls it, on a redis-server of the test's own.
#pragma once

#include <initializer_list>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "child.hpp"
#include "redis_server.hpp"

namespace eventbus::integration {

using Json = nlohmann::json;

class Command {
 public:
  // eventbus VERB with the stream "orders" of this server, then `more`.
  std::vector<std::string> words(const std::string& verb, std::initializer_list<std::string> more = {}) const {
    std::vector<std::string> all = {EVENTBUS_COMMAND, verb,
                                    "--set",          "backend=redis-streams",
                                    "--set",          "backends.redis-streams.redis_url=" + server_.url(),
                                    "--set",          "stream_prefix=orders"};
    all.insert(all.end(), more);
    return all;
  }
  Ended run(const std::string& verb, std::initializer_list<std::string> more = {}, std::string_view input = {}) const {
    return run_child(words(verb, more), input);
  }

 private:
  testing::RedisServer server_;
};

inline std::vector<Json> objects_in(const std::string& lines) {
  std::vector<Json> objects;
  std::istringstream in(lines);
  for (std::string line; std::getline(in, line);) objects.push_back(Json::parse(line));
  return objects;
}

// {"type": "OrderCreated", "data": 0}, 1, 2, ... a line each.
inline std::string numbered_lines(int count) {
  std::string lines;
  for (int i = 0; i < count; ++i) lines += R"({"type": "OrderCreated", "data": )" + std::to_string(i) + "}\n";
  return lines;
}

}  // namespace eventbus::integration
