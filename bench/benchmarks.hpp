// The benchmarks, by name. Each makes its fixture when it is asked for, and drops it with the Benchmark.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "ratio.hpp"

namespace eventbus::bench {

// Events a repetition.
struct Sizes {
  std::size_t inline_events = 0;
  std::size_t background_events = 0;
  std::size_t list_events = 0;  // in each list that is published
  std::size_t lists = 0;
  std::size_t single_events = 0;
  std::size_t consumed_events = 0;
};

struct Named {
  std::string name;
  std::function<Benchmark()> make;
};

std::vector<Named> memory_inline(const Sizes& sizes);
std::vector<Named> memory_background(const Sizes& sizes);
std::vector<Named> redis_publish(const Sizes& sizes, const std::string& url);
std::vector<Named> redis_consume(const Sizes& sizes, const std::string& url);

}  // namespace eventbus::bench
