// Reading one value of the configuration, with errors that say what was found and what is allowed.
#pragma once

#include <cstdint>
#include <eventbus/error.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace eventbus::host {

using Json = nlohmann::ordered_json;

// Where a value stands, for errors: the text's origin and the dotted path, or the name of a variable.
struct Place {
  std::string origin;
  std::string path;
  bool secret = false;  // the value is never shown

  Place at(const std::string& key) const { return {origin, path.empty() ? key : path + "." + key, secret}; }
  [[noreturn]] void refuse(const std::string& problem) const;
  [[noreturn]] void refuse_value(const Json& found, const std::string& allowed) const;
};

// Collects what is wrong, so that it is all told at once: one line each.
class Problems {
 public:
  template <class Check>
  void collect(Check&& check) {
    try {
      check();
    } catch (const Error& error) {
      if (error.code() != ErrorCode::invalid_config) throw;
      if (!lines_.empty()) lines_ += '\n';
      lines_ += error.what();
    }
  }
  void raise() const {
    if (!lines_.empty()) throw Error(ErrorCode::invalid_config, lines_);
  }

 private:
  std::string lines_;
};

std::string describe(const Json& value);  // `"5s" (a string)`, `-1`, `null`, `an object`

std::int64_t read_integer(const Json& value, const Place& place, std::int64_t minimum, std::int64_t maximum,
                          const char* what = "an integer");
double read_number(const Json& value, const Place& place, double minimum, double maximum);
bool read_boolean(const Json& value, const Place& place);
std::string read_string(const Json& value, const Place& place);
std::string read_name(const Json& value, const Place& place);  // not empty, no control characters
std::string read_choice(const Json& value, const Place& place, const std::vector<std::string>& allowed);

// A text from the environment or the command line, as the JSON value that it would be, or (`text`) as a string.
Json value_from_text(const std::string& found, const Place& place, bool text);

// The value of an environment variable; null where it is not set, or empty.
const char* environment(const std::string& variable);

}  // namespace eventbus::host
