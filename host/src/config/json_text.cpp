#include "config/json_text.hpp"

#include <algorithm>
#include <set>
#include <vector>

namespace eventbus::host {
namespace {

// Sees what the parser sees, in order.
class Watch {
 public:
  explicit Watch(const std::string& origin) : origin_(origin) {}

  bool operator()(int depth, Json::parse_event_t event, Json& parsed) {
    static constexpr int deepest = 64;
    if (depth > deepest) Place{origin_, ""}.refuse("it is nested deeper than " + std::to_string(deepest) + " levels");
    if (event == Json::parse_event_t::object_start) {
      open_.push_back({});
    } else if (event == Json::parse_event_t::object_end) {
      open_.pop_back();
    } else if (event == Json::parse_event_t::key) {
      auto key = parsed.get<std::string>();
      Place place{origin_, ""};
      for (std::size_t i = 0; i + 1 < open_.size(); ++i) place = place.at(open_[i].current);
      if (!open_.back().seen.insert(key).second) place.at(key).refuse("the key is there twice; keep one");
      open_.back().current = key;
    }
    return true;
  }

 private:
  struct Object {
    std::set<std::string> seen;
    std::string current;
  };
  std::string origin_;
  std::vector<Object> open_;
};

}  // namespace

Json parse_json_text(std::string_view text, const std::string& origin) {
  try {
    Watch watch(origin);
    return Json::parse(
        text, [&](int depth, Json::parse_event_t event, Json& parsed) { return watch(depth, event, parsed); }, true,
        true);
  } catch (const Json::parse_error& error) {
    std::size_t at = std::min<std::size_t>(error.byte > 0 ? error.byte - 1 : 0, text.size());
    auto line = 1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n');
    std::size_t line_end = at == 0 ? std::string_view::npos : text.rfind('\n', at - 1);
    std::size_t column = at - (line_end == std::string_view::npos ? 0 : line_end + 1) + 1;
    std::string where = "line " + std::to_string(line) + ", column " + std::to_string(column);
    Place{origin, ""}.refuse(
        where + (at == text.size()
                     ? ": not valid JSON: the text ends too early; check for a missing brace, bracket or quote"
                     : ": not valid JSON (comments are allowed); check for a missing comma, quote or brace here"));
  } catch (const Json::exception&) {
    Place{origin, ""}.refuse("not valid JSON: it holds a number that is too large");
  }
}

}  // namespace eventbus::host
