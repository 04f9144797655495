// Ratios between two ways to do the same work, measured alternately in one run: absolute rates of one machine drift by
// a factor of two from run to run, ratios taken inside a run do not.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace eventbus::bench {

// Which of two figures is the better one, and in what unit figures are shown.
enum class Measure {
  time,  // ratio of times, lower is better; shown in ns an event
  rate,  // ratio of rates, higher is better; shown in thousands of events a second
};

struct Target {
  double goal = 0;
  double floor = 0;
};

// Does the work once, checks that every event was handled, returns seconds an event. Throws if a count is off.
using Contestant = std::function<double()>;

struct Peer {
  std::string name;
  Contestant run;
  std::optional<Target> target;  // what is wanted of the ratio, if anything
};

struct Benchmark {
  std::string name;
  Measure measure = Measure::rate;
  Contestant ours;
  std::vector<Peer> peers;
};

struct Quartiles {
  double low = 0;
  double median = 0;
  double high = 0;
};

// Interpolated linearly between the neighbours. `values` is not empty.
Quartiles quartiles(std::vector<double> values);

enum class Verdict { none, goal, between, below_floor };

// One line of the table: ours against one peer.
struct Row {
  std::string name;
  std::string peer;
  Measure measure = Measure::rate;
  std::optional<Target> target;
  std::vector<double> ratios;  // one a repetition
  Quartiles ratio;
  double ours = 0;        // median, in the measure's unit
  double peer_value = 0;  // the same

  Verdict verdict() const noexcept;
};

// Runs ours and the peers `repetitions` times, each time in a new random order, after one unmeasured round if
// `warm_up`.
std::vector<Row> run(const Benchmark& benchmark, std::size_t repetitions, bool warm_up, std::mt19937& random);

}  // namespace eventbus::bench
