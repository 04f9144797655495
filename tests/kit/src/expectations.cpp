// What was expected, what came, and what came nearest.
#include <algorithm>
#include <string>

#include <eventbus/testing/test_bus.hpp>

namespace eventbus::testing {
namespace {

constexpr std::size_t shown_payload = 120;

std::string show(const Event& event) {
  std::string payload(event.payload.bytes().substr(0, shown_payload));
  if (event.payload.bytes().size() > shown_payload) payload += "...";
  std::string text = "  " + event.type + " " + event.id;
  if (!event.aggregate_id.empty()) text += " of " + event.aggregate_id;
  return text + ": " + payload + '\n';
}

std::string times(std::size_t count, const std::string& what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

}  // namespace

Expectation TestBus::expect_published(std::string_view type, std::size_t expected, const Predicate& wanted) const {
  std::vector<Event> all = published();
  std::size_t found = 0, of_type = 0;
  std::string matches, misses, others;
  for (const Event& event : all) {
    if (event.type != type) {
      others += show(event);
      continue;
    }
    ++of_type;
    bool fits = !wanted || wanted(event);
    found += fits ? 1 : 0;
    (fits ? matches : misses) += show(event);
  }
  std::string what = "event '" + std::string(type) + "'";
  std::string text =
      "expected " + times(expected, what) + (wanted ? " that fit" : "") + ", came " + std::to_string(found) + '\n';
  if (found == expected) return {true, text};
  if (!matches.empty()) text += "came:\n" + matches;
  if (!misses.empty()) text += "nearest misses, of this type but not fitting:\n" + misses;
  if (of_type == 0) text += others.empty() ? "nothing was published\n" : "none of this type; others:\n" + others;
  return {false, text};
}

Expectation TestBus::expect_handled(std::string_view type, std::size_t expected, const Predicate& wanted) const {
  std::size_t found = 0;
  std::string matches, misses, others;
  for (const Handled& one : handled()) {
    const bool fits = one.done() && (!wanted || wanted(one.event));
    const std::string line = "  " + one.handler + ", attempt " + std::to_string(one.attempt) + ", " +
                             (one.done()     ? "ack"
                              : !one.outcome ? "deferred"
                                             : "failed: " + one.why) +
                             '\n' + show(one.event);
    if (one.event.type != type) {
      others += line;
      continue;
    }
    found += fits ? 1 : 0;
    (fits ? matches : misses) += line;
  }
  std::string text = "expected " + times(expected, "handled event") + " '" + std::string(type) + "'" +
                     (wanted ? " that fit" : "") + ", came " + std::to_string(found) + '\n';
  if (found == expected) return {true, text};
  if (!matches.empty()) text += "came:\n" + matches;
  if (!misses.empty()) text += "nearest misses, of this type but not acknowledged or not fitting:\n" + misses;
  if (matches.empty() && misses.empty()) {
    text += others.empty() ? "nothing was handled\n" : "none of this type; others:\n" + others;
  }
  return {false, text};
}

Expectation TestBus::expect_dead_letters(std::size_t expected, std::string_view reason) const {
  std::size_t found = 0;
  std::string all;
  for (const DeadLetter& letter : dead_letters()) {
    found += letter.reason.find(reason) != std::string::npos ? 1 : 0;
    all += "  after " + times(letter.attempts, "attempt") + " in " +
           (letter.handler.empty() ? "no handler" : letter.handler) + ", " + letter.reason + '\n' + show(letter.event);
  }
  std::string text = "expected " + times(expected, "dead letter") +
                     (reason.empty() ? "" : " for '" + std::string(reason) + "'") + ", found " + std::to_string(found) +
                     '\n';
  if (found == expected) return {true, text};
  return {false, text + (all.empty() ? "there are none at all\n" : "there are:\n" + all)};
}

}  // namespace eventbus::testing
