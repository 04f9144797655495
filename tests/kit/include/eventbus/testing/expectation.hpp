// What an expectation found: true or false, and a text that tells why.
#pragma once

#include <ostream>
#include <string>
#include <utility>

namespace eventbus::testing {

// Converts to bool and prints its text, so that it works in Catch2's CHECK and in GoogleTest's EXPECT_TRUE alike.
class Expectation {
 public:
  Expectation(bool met, std::string text) : met_(met), text_(std::move(text)) {}
  explicit operator bool() const noexcept { return met_; }
  bool operator!() const noexcept { return !met_; }
  const std::string& text() const noexcept { return text_; }
  friend std::ostream& operator<<(std::ostream& out, const Expectation& expectation) {
    return out << expectation.text_;
  }

 private:
  bool met_;
  std::string text_;
};

}  // namespace eventbus::testing
