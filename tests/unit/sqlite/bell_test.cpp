// The bell and the locks, between processes.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>

#include "driver.hpp"

namespace eventbus::sqlite::test {
namespace {

// Waits for a ring since `rings` were counted, as long as a test may take.
bool is_rung(const Bell& bell, std::uint32_t rings) {
  auto until = std::chrono::steady_clock::now() + 20s;
  while (bell.rings() == rings && std::chrono::steady_clock::now() < until) bell.wait(rings, 20s);
  return bell.rings() != rings;
}

}  // namespace

TEST_CASE("a ring of another process ends a wait") {
  Fixture fixture;
  Bell bell(fixture.file + "-bell", fixture.file, "orders");
  std::uint32_t rings = bell.rings();
  pid_t child = ::fork();
  if (child == 0) {
    Bell(fixture.file + "-bell", fixture.file, "orders").ring();
    ::_exit(0);
  }
  CHECK(is_rung(bell, rings));
  ::waitpid(child, nullptr, 0);
}

TEST_CASE("a ring between the count and the wait is not missed") {
  Fixture fixture;
  Bell bell(fixture.file + "-bell", fixture.file, "orders");
  std::uint32_t rings = bell.rings();
  bell.ring();
  bell.wait(rings, 1h);
  CHECK(bell.rings() == rings + 1);
}

TEST_CASE("streams have bells of their own") {
  Fixture fixture;
  Bell orders(fixture.file + "-bell", fixture.file, "orders");
  Bell invoices(fixture.file + "-bell", fixture.file, "invoices");
  std::uint32_t rings = invoices.rings();
  orders.ring();
  CHECK(invoices.rings() == rings);
  invoices.wait(rings, 5ms);
  CHECK(invoices.rings() == rings);
}

TEST_CASE("a lock is held by one object at a time, and free when that is closed") {
  Fixture fixture;
  const std::string path = fixture.file + "-names";
  FileLock one, two;
  CHECK_FALSE(one.open(path, fixture.file));
  two.open(path, fixture.file);
  CHECK(one.take(7));
  CHECK(one.open(path, fixture.file));  // still the same file: the lock stays
  CHECK_FALSE(one.is_taken(7));         // by another
  CHECK(two.is_taken(7));
  CHECK_FALSE(two.take(7));
  CHECK(two.take(8));
  one.close();
  CHECK(two.take(7));
}

TEST_CASE("a lock is free as soon as its process was killed") {
  Fixture fixture;
  const std::string path = fixture.file + "-names";
  int told[2];
  REQUIRE(::pipe(told) == 0);
  pid_t child = ::fork();
  if (child == 0) {
    FileLock lock;
    lock.open(path, fixture.file);
    char taken = lock.take(7) ? 'y' : 'n';
    if (::write(told[1], &taken, 1) == 1) ::pause();
    ::_exit(1);
  }
  char taken = 'n';
  REQUIRE(::read(told[0], &taken, 1) == 1);
  CHECK(taken == 'y');
  FileLock lock;
  lock.open(path, fixture.file);
  CHECK_FALSE(lock.take(7));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  CHECK(lock.take(7));
  ::close(told[0]);
  ::close(told[1]);
}

}  // namespace eventbus::sqlite::test
