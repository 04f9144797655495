// The keys of the configuration: one table, from which everything about them follows.
#pragma once

#include <eventbus/config.hpp>
#include <functional>
#include <string>
#include <vector>

#include "config/values.hpp"

namespace eventbus::host {

struct Key {
  std::string name;
  bool text;    // a string: a variable's or an override's text is taken as it is
  bool scalar;  // may be set by EVENTBUS_<NAME>
  std::function<void(BusConfig&, const Json&, const Place&)> read;  // checks the value and sets it
  std::function<Json(const BusConfig&)> write;                      // the value, as it would be read
};

const std::vector<Key>& top_level_keys();

// Reads an object key by key; an unknown one is refused. Tells all that is wrong at once.
void read_object(const std::vector<Key>& keys, BusConfig& config, const Json& object, const Place& place);

}  // namespace eventbus::host
