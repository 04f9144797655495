#include "report.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <ostream>

namespace eventbus::bench {
namespace {

using Line = std::array<std::string, 8>;

std::string number(double value) {
  char text[32];
  const int decimals = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  std::snprintf(text, sizeof text, "%.*f", decimals, value);
  return text;
}

std::string plain(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", value);
  return text;
}

std::string wanted(const Row& row, double Target::*which) {
  if (!row.target) return "-";
  return (row.measure == Measure::time ? "<= " : ">= ") + plain((*row.target).*which) + "x";
}

const char* text(Verdict verdict) {
  switch (verdict) {
    case Verdict::none: return "";
    case Verdict::goal: return "goal";
    case Verdict::between: return "above floor";
    case Verdict::below_floor: return "BELOW FLOOR";
  }
  return "";
}

std::string unit(Measure measure) { return measure == Measure::time ? "ns" : "k/s"; }

Line line_of(const Row& row) {
  return {row.name,
          row.peer,
          number(row.ratio.median) + "x",
          number(row.ratio.low) + " .. " + number(row.ratio.high),
          wanted(row, &Target::goal),
          wanted(row, &Target::floor),
          number(row.ours) + " / " + number(row.peer_value) + " " + unit(row.measure),
          text(row.verdict())};
}

}  // namespace

void print_table(std::ostream& out, const std::vector<Row>& rows, const Conditions& conditions) {
  std::vector<Line> lines{{"what", "peer", "ratio", "quartiles", "goal", "floor", "ours / peer", ""}};
  for (const Row& row : rows) lines.push_back(line_of(row));
  Line::size_type columns = lines.front().size();
  std::vector<std::size_t> widths(columns, 0);
  for (const Line& line : lines) {
    for (std::size_t i = 0; i < columns; ++i) widths[i] = std::max(widths[i], line[i].size());
  }
  for (std::size_t at = 0; at < lines.size(); ++at) {
    std::string printed;
    for (std::size_t i = 0; i < columns; ++i) {
      const std::string& cell = lines[at][i];
      printed += cell + std::string(widths[i] - cell.size() + 2, ' ');
    }
    printed.erase(printed.find_last_not_of(' ') + 1);
    out << printed << '\n';
    if (at == 0) {
      std::size_t width = 2 * (columns - 1);
      for (std::size_t one : widths) width += one;
      out << std::string(width, '-') << '\n';
    }
  }
  out << "\nns: time an event, the ratio is ours / peer, lower is better. k/s: thousands of events a second, higher "
         "is\n"
         "better. Medians of "
      << conditions.repetitions << (conditions.repetitions == 1 ? " repetition (" : " repetitions (")
      << conditions.sizes << " sizes), ours and the peers alternating in random order; " << conditions.compiler << ", "
      << conditions.processors << " processors,\nload average " << number(conditions.load) << " before the run"
      << (conditions.load > conditions.processors ? ": THE MACHINE IS BUSY, rows with threads suffer most.\n" : ".\n");
  if (conditions.server) {
    out << "redis-server " << conditions.server->version << ", persistence: " << conditions.server->persistence
        << ".\n";
  }
  for (const std::string& note : conditions.notes) out << note << '\n';
}

std::string to_json(const std::vector<Row>& rows, const Conditions& conditions) {
  nlohmann::ordered_json all;
  all["repetitions"] = conditions.repetitions;
  all["sizes"] = conditions.sizes;
  all["compiler"] = conditions.compiler;
  all["processors"] = conditions.processors;
  if (conditions.server) {
    all["redis"] = {{"version", conditions.server->version}, {"persistence", conditions.server->persistence}};
  } else {
    all["redis"] = nullptr;
  }
  all["load_average"] = conditions.load;
  all["notes"] = conditions.notes;
  all["rows"] = nlohmann::ordered_json::array();
  for (const Row& row : rows) {
    nlohmann::ordered_json one;
    one["name"] = row.name;
    one["peer"] = row.peer;
    one["better"] = row.measure == Measure::time ? "lower" : "higher";
    one["ratio"] = {
        {"median", row.ratio.median}, {"lower_quartile", row.ratio.low}, {"upper_quartile", row.ratio.high}};
    one["ratios"] = row.ratios;
    one["unit"] = row.measure == Measure::time ? "ns/event" : "thousand events/s";
    one["ours"] = row.ours;
    one["peer_absolute"] = row.peer_value;
    one["goal"] = row.target ? nlohmann::ordered_json(row.target->goal) : nlohmann::ordered_json(nullptr);
    one["floor"] = row.target ? nlohmann::ordered_json(row.target->floor) : nlohmann::ordered_json(nullptr);
    one["below_floor"] = row.verdict() == Verdict::below_floor;
    all["rows"].push_back(std::move(one));
  }
  return all.dump(2) + "\n";
}

}  // namespace eventbus::bench
