// A bank for tests: notes what it charged, and is out of reach for as many calls as it is told.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include <eventbus/testing/scheduler.hpp>

#include "testing_handlers/billing.hpp"

namespace shop {

struct TestBank final : Bank {
  void charge(const std::string& customer_id, double) override {
    eventbus::testing::interleave();  // a real one takes its time
    if (out_of_reach > 0) {
      --out_of_reach;
      throw std::runtime_error("the bank does not answer");
    }
    charged.push_back(customer_id);
  }

  int out_of_reach = 0;
  std::vector<std::string> charged;
};

}  // namespace shop
