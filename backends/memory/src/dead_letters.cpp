#include "dead_letters.hpp"

#include <algorithm>

namespace eventbus::memory {
namespace {

bool matches(const DeadLetter& letter, const DeadLetterQuery& query) {
  return (query.type.empty() || letter.event.type == query.type) &&
         (query.group.empty() || letter.group == query.group);
}

template <class Letters>
auto lower_bound(Letters& letters, const Position& position) {
  return std::lower_bound(letters.begin(), letters.end(), position,
                          [](const DeadLetter& letter, const Position& wanted) { return letter.position < wanted; });
}

}  // namespace

void DeadLetters::add(DeadLetter letter, std::uint64_t max_length) {
  letter.position = {last_ + 1, 0};
  letters_.push_back(std::move(letter));
  ++last_;
  while (max_length > 0 && letters_.size() > max_length) letters_.pop_front();
}

const DeadLetter* DeadLetters::find(const Position& position) const {
  auto at = lower_bound(letters_, position);
  return at != letters_.end() && at->position == position ? &*at : nullptr;
}

void DeadLetters::erase(const Position& position) {
  auto at = lower_bound(letters_, position);
  if (at != letters_.end() && at->position == position) letters_.erase(at);
}

std::uint64_t DeadLetters::purge(const PurgeQuery& query) {
  std::vector<Position> positions = query.positions;
  std::sort(positions.begin(), positions.end());
  return std::erase_if(letters_, [&](const DeadLetter& letter) {
    return query.all || (query.older_than && letter.last_failed < *query.older_than) ||
           std::binary_search(positions.begin(), positions.end(), letter.position);
  });
}

std::vector<DeadLetter> DeadLetters::page(const DeadLetterQuery& query, std::optional<Position>& next) const {
  std::vector<DeadLetter> page;
  next.reset();
  for (auto at = lower_bound(letters_, query.after.next()); at != letters_.end(); ++at) {
    if (!matches(*at, query)) continue;
    if (page.size() == query.limit) {
      next = page.empty() ? query.after : page.back().position;
      break;
    }
    page.push_back(*at);
  }
  return page;
}

}  // namespace eventbus::memory
