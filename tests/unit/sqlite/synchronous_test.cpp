// What `synchronous` costs, counted: how often SQLite waits for the disk.
#include <dlfcn.h>

#include <atomic>
#include <catch2/catch_test_macros.hpp>

#include "driver.hpp"

namespace {

std::atomic<int> syncs{0};

int pass_on(const char* name, int file) {
  ++syncs;
  return reinterpret_cast<int (*)(int)>(::dlsym(RTLD_NEXT, name))(file);
}

}  // namespace

// In place of the C library's, for SQLite as well.
extern "C" __attribute__((visibility("default"))) int fdatasync(int file) { return pass_on("fdatasync", file); }
extern "C" __attribute__((visibility("default"))) int fsync(int file) { return pass_on("fsync", file); }

namespace eventbus::sqlite::test {
namespace {

// The syncs of so many publishes, each a call.
int syncs_of(const std::string& synchronous, int publishes) {
  Fixture fixture;
  Driver publisher = fixture.publisher(R"("synchronous": ")" + synchronous + "\"");
  publisher.publish("first");
  int before = syncs;
  for (int i = 0; i < publishes; ++i) publisher.publish("a");
  return syncs - before;
}

}  // namespace

TEST_CASE("full waits for the disk in every call") { CHECK(syncs_of("full", 50) >= 50); }

TEST_CASE("normal waits for the disk now and then, and not in every call") {
  CHECK(syncs_of("normal", 20) == 0);
  CHECK(syncs_of("normal", 2000) > 0);
  CHECK(syncs_of("normal", 2000) < 200);
}

TEST_CASE("off never waits for the disk") { CHECK(syncs_of("off", 2000) == 0); }

TEST_CASE("a list waits for the disk as one call") {
  Fixture fixture;
  Driver publisher = fixture.publisher(R"("synchronous": "full")");
  std::vector<Event> events(1000);
  std::vector<AppendResult> results(events.size());
  publisher.publish("first");
  int before = syncs;
  publisher.backend->append(events, results);
  CHECK(syncs - before < 10);
}

}  // namespace eventbus::sqlite::test
