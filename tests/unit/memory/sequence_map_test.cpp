// The map that entries and pending lists are kept in, against the one of the standard library.
#include "sequence_map.hpp"

#include <catch2/catch_test_macros.hpp>
#include <map>
#include <random>

namespace eventbus::memory::test {
namespace {

using Model = std::map<std::uint64_t, int>;

void check_same(SequenceMap<int>& map, const Model& model, std::uint64_t last) {
  REQUIRE(map.size() == model.size());
  REQUIRE(map.empty() == model.empty());
  if (!model.empty()) {
    REQUIRE(map.front() == model.begin()->first);
    REQUIRE(map.back() == model.rbegin()->first);
  }
  for (std::uint64_t sequence = 0; sequence <= last + 2; ++sequence) {
    auto known = model.find(sequence);
    const int* found = map.find(sequence);
    REQUIRE((found != nullptr) == (known != model.end()));
    if (found) REQUIRE(*found == known->second);
    auto after = model.lower_bound(sequence);
    std::uint64_t at = sequence;
    REQUIRE((map.at_or_after(at) != nullptr) == (after != model.end()));
    if (after != model.end()) REQUIRE(at == after->first);
    REQUIRE(map.count_from(sequence) == static_cast<std::size_t>(std::distance(after, model.end())));
  }
}

}  // namespace

TEST_CASE("whatever is put and erased, the map answers as std::map does") {
  std::mt19937 random(17);
  for (int round = 0; round < 20; ++round) {
    SequenceMap<int> map;
    Model model;
    std::uint64_t last = 0;
    for (int step = 0; step < 600; ++step) {
      if (random() % 5 < 3 || model.empty()) {
        last += 1 + (random() % 8 == 0 ? random() % 3 : 0);
        map.put(last, step);
        model[last] = step;
      } else {
        std::uint64_t sequence = random() % (last + 2);
        REQUIRE(map.erase(sequence) == (model.erase(sequence) == 1));
      }
      if (step % 50 == 0) check_same(map, model, last);
    }
    check_same(map, model, last);
    while (!model.empty()) {
      auto victim = std::next(model.begin(), static_cast<std::ptrdiff_t>(random() % model.size()));
      map.erase(victim->first);
      model.erase(victim);
    }
    check_same(map, model, last);
  }
}

}  // namespace eventbus::memory::test
