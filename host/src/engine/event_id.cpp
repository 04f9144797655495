#include <eventbus/event_id.hpp>

#include <pthread.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <random>

#include "engine/event_id_text.hpp"

namespace eventbus {
namespace {

// A fork copies the generator: the child must not draw the parent's numbers again.
std::atomic<std::uint64_t> fork_generation{1};

struct Generator {  // splitmix64, seeded from the system; trivially destructible, so it pins no library
  std::uint64_t state;
  std::uint64_t seeded_in;  // fork generation; 0: never
  std::uint64_t last_ms;
  std::uint32_t sequence;  // rand_a and the top of rand_b: keeps ids of one thread increasing within a millisecond

  std::uint64_t next() noexcept {
    state += 0x9E3779B97F4A7C15ull;
    std::uint64_t z = state;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
  }

  void seed(std::uint64_t generation) {
    static const int registered = pthread_atfork(nullptr, nullptr, [] { fork_generation.fetch_add(1); });
    static_cast<void>(registered);
    std::random_device device;
    state = (std::uint64_t{device()} << 32) | device();
    seeded_in = generation;
    last_ms = 0;
  }
};

thread_local Generator generator{};

void put_hex(char*& at, std::uint64_t value, int digits) noexcept {
  static constexpr char hex[] = "0123456789abcdef";
  for (int shift = (digits - 1) * 4; shift >= 0; shift -= 4) *at++ = hex[(value >> shift) & 0xF];
}

}  // namespace

// 48 bits of time, version 7, 12 bits of sequence, variant 10, 14 bits of sequence, 48 random bits.
std::string host::event_id_text(std::uint64_t ms, std::uint32_t sequence, std::uint64_t random) {
  std::string text(36, '-');
  char* at = text.data();
  put_hex(at, ms >> 16, 8);
  ++at;
  put_hex(at, ms & 0xFFFF, 4);
  ++at;
  put_hex(at, 0x7000 | ((sequence >> 14) & 0xFFF), 4);
  ++at;
  put_hex(at, 0x8000 | (sequence & 0x3FFF), 4);
  ++at;
  put_hex(at, random & 0xFFFFFFFFFFFF, 12);
  return text;
}

std::string new_event_id() {
  Generator& source = generator;
  std::uint64_t generation = fork_generation.load(std::memory_order_relaxed);
  if (source.seeded_in != generation) source.seed(generation);

  auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
  auto ms = static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(since_epoch).count());
  std::uint64_t random = source.next();
  if (ms > source.last_ms) {
    source.last_ms = ms;
    source.sequence = static_cast<std::uint32_t>(random >> 48) & 0x1FFFFF;  // leaves room to count up in 26 bits
  } else if (++source.sequence >= (1u << 26)) {
    ++source.last_ms;  // ahead of the clock by a millisecond, as RFC 9562 section 6.2 allows
    source.sequence = 0;
  }
  return host::event_id_text(source.last_ms, source.sequence, random);
}

}  // namespace eventbus
