#include "ratio.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace eventbus::bench {
namespace {

double shown(Measure measure, double seconds) { return measure == Measure::time ? seconds * 1e9 : 1e-3 / seconds; }

Row make_row(const Benchmark& benchmark, const Peer& peer, const std::vector<double>& ours,
             const std::vector<double>& theirs) {
  Row row{benchmark.name, peer.name, benchmark.measure, peer.target, {}, {}, 0, 0};
  for (std::size_t i = 0; i < ours.size(); ++i) {
    row.ratios.push_back(benchmark.measure == Measure::time ? ours[i] / theirs[i] : theirs[i] / ours[i]);
  }
  row.ratio = quartiles(row.ratios);
  row.ours = shown(benchmark.measure, quartiles(ours).median);
  row.peer_value = shown(benchmark.measure, quartiles(theirs).median);
  return row;
}

}  // namespace

Quartiles quartiles(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  auto at = [&](double share) {
    const double place = share * static_cast<double>(values.size() - 1);
    const auto below = static_cast<std::size_t>(place);
    const std::size_t above = std::min(below + 1, values.size() - 1);
    return values[below] + (values[above] - values[below]) * (place - static_cast<double>(below));
  };
  return {at(0.25), at(0.5), at(0.75)};
}

Verdict Row::verdict() const noexcept {
  if (!target) return Verdict::none;
  const bool less = measure == Measure::time;
  auto reaches = [&](double wanted) { return less ? ratio.median <= wanted : ratio.median >= wanted; };
  if (reaches(target->goal)) return Verdict::goal;
  return reaches(target->floor) ? Verdict::between : Verdict::below_floor;
}

std::vector<Row> run(const Benchmark& benchmark, std::size_t repetitions, bool warm_up, std::mt19937& random) {
  std::vector<const Contestant*> contestants{&benchmark.ours};
  for (const Peer& peer : benchmark.peers) contestants.push_back(&peer.run);
  std::vector<std::vector<double>> seconds(contestants.size());
  std::vector<std::size_t> order(contestants.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  if (warm_up) {
    for (const Contestant* contestant : contestants) (*contestant)();
  }
  for (std::size_t i = 0; i < repetitions; ++i) {
    std::shuffle(order.begin(), order.end(), random);
    for (std::size_t which : order) seconds[which].push_back((*contestants[which])());
  }
  std::vector<Row> rows;
  for (std::size_t i = 0; i < benchmark.peers.size(); ++i) {
    rows.push_back(make_row(benchmark, benchmark.peers[i], seconds[0], seconds[i + 1]));
  }
  return rows;
}

}  // namespace eventbus::bench
