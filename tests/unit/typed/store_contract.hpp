// What every store of once() keeps. Time passes by `pass`, or by itself.
#pragma once

#include <chrono>
#include <string>

#include <catch2/catch_test_macros.hpp>

#include <eventbus/idempotency.hpp>

namespace eventbus::typed_test {

using Claim = IdempotencyStore::Claim;

template <class Pass>
void check_store(IdempotencyStore& store, Pass&& pass) {
  using namespace std::chrono_literals;
  SECTION("a claimed key is busy for others until it is cancelled by its owner") {
    CHECK(store.begin("k", "one", 60s) == Claim::fresh);
    CHECK(store.begin("k", "two", 60s) == Claim::busy);
    CHECK(store.begin("other", "two", 60s) == Claim::fresh);
    store.cancel("k", "two");
    CHECK(store.begin("k", "two", 60s) == Claim::busy);
    store.cancel("k", "one");
    CHECK(store.begin("k", "two", 60s) == Claim::fresh);
  }
  SECTION("a finished key is done, whoever finishes it, and cancelling it has no effect") {
    CHECK(store.begin("k", "one", 60s) == Claim::fresh);
    store.finish("k", 60s);
    CHECK(store.begin("k", "one", 60s) == Claim::done);
    store.cancel("k", "one");
    CHECK(store.begin("k", "two", 60s) == Claim::done);
    store.finish("never begun", 60s);
    CHECK(store.begin("never begun", "two", 60s) == Claim::done);
  }
  SECTION("a lease and a window end") {
    CHECK(store.begin("k", "one", 50ms) == Claim::fresh);
    CHECK(pass([&] { return store.begin("k", "two", 60s) == Claim::fresh; }));
    store.cancel("k", "one");  // it is not the owner any more
    CHECK(store.begin("k", "three", 60s) == Claim::busy);
    store.finish("k", 50ms);
    CHECK(pass([&] { return store.begin("k", "three", 60s) == Claim::fresh; }));
  }
}

}  // namespace eventbus::typed_test
