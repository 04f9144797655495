#include "verdict.hpp"

#include <algorithm>
#include <map>
#include <ostream>

#include "journal.hpp"

namespace eventbus::chaos {
namespace {

struct Sighting {
  Note note;
  std::size_t life;
};

class Judge {
 public:
  Judge(const Plan& plan, const Aftermath& after, std::ostream& out) : plan_(plan), after_(after), out_(out) {
    for (std::size_t i = 0; i < after_.lives.size(); ++i) {
      for (Note& note : read_journal(after_.lives[i].journal)) {
        if (note.kind == 'R') ++receipts_;
        by_position_[note.position].push_back({std::move(note), i});
      }
    }
    for (auto& [position, sightings] : by_position_) {
      std::stable_sort(sightings.begin(), sightings.end(),
                       [](const Sighting& a, const Sighting& b) { return a.note.at < b.note.at; });
    }
  }

  bool decide() {
    for (const std::string& complaint : after_.complaints) blame(complaint);
    if (!after_.settled) blame("events are still pending or undelivered at the end");
    find_lost();
    find_disorder();
    explain_duplicates();
    sum_up();
    return kept_;
  }

 private:
  void blame(const std::string& what) {
    kept_ = false;
    out_ << "broken: " << what << '\n';
  }

  void find_lost() {
    std::set<std::string> accounted;
    for (const auto& [position, sightings] : by_position_) {
      for (const Sighting& sighting : sightings) {
        if (sighting.note.kind == 'H') accounted.insert(sighting.note.id);
      }
    }
    for (const DeadLetter& letter : after_.dead) accounted.insert(letter.event.id);
    for (const std::string& id : after_.published) {
      if (accounted.contains(id)) continue;
      ++lost_;
      if (lost_ <= 10) blame("event " + id + " was neither handled nor is it a dead letter");
    }
  }

  // Of what a consumer received itself, the first deliveries of an aggregate come in the order of the stream.
  void find_disorder() {
    for (const Life& life : after_.lives) {
      std::map<std::string, Position> last;
      for (const Note& note : read_journal(life.journal)) {
        if (note.kind != 'R' || note.attempt != 1) continue;
        Position& before = last[note.aggregate];
        if (note.position <= before) {
          blame(life.worker + " received " + to_string(note.position) + " of " + note.aggregate + " after " +
                to_string(before));
        }
        before = note.position;
      }
    }
  }

  // Handled twice: something must have happened between the first receipt and the one that led to the second.
  void explain_duplicates() {
    for (const auto& [position, sightings] : by_position_) {
      const Sighting* handled = nullptr;
      const Sighting* received = nullptr;
      std::int64_t first_receipt = sightings.front().note.at;
      for (const Sighting& sighting : sightings) {
        if (sighting.note.kind == 'R') received = &sighting;
        if (sighting.note.kind != 'H') continue;
        if (handled && received) {
          ++duplicates_;
          const bool death = after_.lives[handled->life].killed_at >= first_receipt;
          if (!death && !happened(after_.cuts, first_receipt, received->note.at) &&
              !happened(after_.restarts, first_receipt, received->note.at)) {
            blame("event " + sighting.note.id + " at " + to_string(position) +
                  " was handled twice, with neither a kill nor a cut nor a restart between");
          }
        }
        handled = &sighting;
      }
    }
  }

  static bool happened(const std::vector<std::int64_t>& times, std::int64_t from, std::int64_t to) {
    return std::any_of(times.begin(), times.end(), [&](std::int64_t at) { return at >= from && at <= to; });
  }

  void sum_up() {
    const auto kills =
        std::count_if(after_.lives.begin(), after_.lives.end(), [](const Life& life) { return life.killed_at != 0; });
    out_ << "seed " << plan_.seed << ": events " << after_.published.size() << ", receipts " << receipts_ << ", kills "
         << kills << ", cuts " << after_.cuts.size() << ", restarts " << after_.restarts.size() << ", resent "
         << after_.resent << ", dead letters " << after_.dead.size() << ", duplicates " << duplicates_ << ", lost "
         << lost_ << '\n';
  }

  const Plan& plan_;
  const Aftermath& after_;
  std::ostream& out_;
  std::map<Position, std::vector<Sighting>> by_position_;
  std::size_t receipts_ = 0, lost_ = 0, duplicates_ = 0;
  bool kept_ = true;
};

}  // namespace

bool judge(const Plan& plan, const Aftermath& after, std::ostream& out) { return Judge(plan, after, out).decide(); }

}  // namespace eventbus::chaos
