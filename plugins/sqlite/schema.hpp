// What is in the file.
#pragma once

#include "database.hpp"

namespace eventbus::sqlite {

inline constexpr std::int64_t application_id = 0x45564253;  // "EVBS", in the file's header
inline constexpr std::int64_t schema_version = 2;           // in the header's user_version

// Refuses a file of another application (invalid_config) and one with a newer schema (unsupported); changes nothing.
void check_file(Database& database);

// Makes the tables in a new file and, if `upgrade`, what an older one lacks. Ends all leases if they were given before
// this machine started. Run by one process at a time.
void prepare(Database& database, bool upgrade);

}  // namespace eventbus::sqlite
