// sqlite_faults FILE FAULT [ARGUMENT...]: does harm to a bus in a SQLite file, for eventbus-conformance
// --fault-command. Exit code: 0 if it was done, 3 if there is no such fault, 1 if it failed.
#include <sqlite3.h>

#include <filesystem>
#include <functional>
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using Words = std::vector<std::string>;

void run(const std::string& file, const std::string& sql) {
  sqlite3* handle = nullptr;
  char* message = nullptr;
  const bool done = sqlite3_open_v2(file.c_str(), &handle, SQLITE_OPEN_READWRITE, nullptr) == SQLITE_OK &&
                    sqlite3_busy_timeout(handle, 20000) == SQLITE_OK &&
                    sqlite3_exec(handle, sql.c_str(), nullptr, nullptr, &message) == SQLITE_OK;
  const std::string why = message ? message : sqlite3_errmsg(handle);
  sqlite3_free(message);
  sqlite3_close(handle);
  if (!done) throw std::runtime_error(why);
}

std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("''") : std::string(1, c);
  return out + "'";
}

std::string id_of(const std::string& stream) { return "(SELECT id FROM streams WHERE name = " + quoted(stream) + ")"; }

std::string delete_groups(const std::string& which) {
  const std::string ids = "(SELECT id FROM groups WHERE " + which + ")";
  return "DELETE FROM pending WHERE grp IN " + ids + "; DELETE FROM consumers WHERE grp IN " + ids +
         "; DELETE FROM groups WHERE " + which + ";";
}

// What another program may have written in place of an event.
std::string add_entry(const std::string& stream, const std::string& type, const std::string& headers) {
  const std::string of = "name = " + quoted(stream);
  return "BEGIN IMMEDIATE; UPDATE streams SET last = last + 1 WHERE " + of +
         "; INSERT INTO events (stream, seq, accepted, id, type, aggregate_id, aggregate_type, aggregate_version, "
         "occurred_at, headers, payload) SELECT id, last, accepted, '', " +
         quoted(type) + ", '', '', 0, 0, " + quoted(headers) + ", x'' FROM streams WHERE " + of + "; COMMIT;";
}

const std::map<std::string, std::function<void(const std::string&, const Words&)>>& faults() {
  using Of = const Words&;
  static const std::map<std::string, std::function<void(const std::string&, const Words&)>> all = {
      {"flush",
       [](const std::string& file, Of) {
         for (const char* suffix : {"", "-wal", "-shm", "-bell", "-names"}) std::filesystem::remove(file + suffix);
       }},
      {"delete-stream",
       [](const std::string& file, Of of) {
         run(file, "BEGIN IMMEDIATE;" + delete_groups("stream = " + id_of(of.at(0))) +
                       "DELETE FROM events WHERE stream = " + id_of(of.at(0)) +
                       "; DELETE FROM streams WHERE name = " + quoted(of.at(0)) + "; COMMIT;");
       }},
      {"delete-group",
       [](const std::string& file, Of of) {
         run(file, "BEGIN IMMEDIATE;" +
                       delete_groups("stream = " + id_of(of.at(0)) + " AND name = " + quoted(of.at(1))) + "COMMIT;");
       }},
      {"delete-entry",
       [](const std::string& file, Of of) {
         run(file, "DELETE FROM events WHERE stream = " + id_of(of.at(0)) +
                       " AND seq = " + of.at(1).substr(0, of.at(1).find('-')));
       }},
      {"add-foreign-entry",
       [](const std::string& file, Of of) { run(file, add_entry(of.at(0), "", "somebody else's")); }},
      {"add-truncated-entry",
       [](const std::string& file, Of of) { run(file, add_entry(of.at(0), "OrderCreated", "tenant_id=cut o")); }},
  };
  return all;
}

// Refuses every dead letter of the stream.
bool bar_dead_letters(const std::string& file, const std::string& fault, const Words& of) {
  if (of.empty() || !of[0].ends_with("_dlq")) return false;
  std::string trigger = "\"no dead letters of " + of[0] + "\"";
  if (fault == "set-wrong-kind") {
    run(file, "CREATE TRIGGER " + trigger + " BEFORE INSERT ON dead_letters WHEN NEW.stream = " + quoted(of[0]) +
                  " BEGIN SELECT RAISE(ABORT, 'dead letters are barred'); END");
    return true;
  }
  if (fault == "unset") {
    run(file, "DROP TRIGGER " + trigger);
    return true;
  }
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::cerr << "usage: sqlite_faults FILE FAULT [ARGUMENT...]\n";
    return 2;
  }
  const std::string file = argv[1], name = argv[2];
  const Words of(argv + 3, argv + argc);
  try {
    if (bar_dead_letters(file, name, of)) return 0;
    const auto fault = faults().find(name);
    if (fault == faults().end()) {
      std::cerr << "sqlite_faults: there is no such fault\n";
      return 3;
    }
    fault->second(file, of);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "sqlite_faults: cannot " << name << ": " << error.what() << '\n';
    return 1;
  }
}
