#include "line_reader.hpp"

#include <array>
#include <stdexcept>
#include <string_view>

#include <catch2/catch_test_macros.hpp>

namespace eventbus::app {
namespace {

class Pipe {
 public:
  Pipe() {
    if (::pipe(ends_.data()) != 0) throw std::runtime_error("cannot make a pipe");
  }
  ~Pipe() {
    close_writer();
    ::close(ends_[0]);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  int reader() const noexcept { return ends_[0]; }
  void write(std::string_view text) {
    if (::write(ends_[1], text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
      throw std::runtime_error("cannot write to the pipe");
    }
  }
  void close_writer() {
    if (ends_[1] >= 0) ::close(ends_[1]);
    ends_[1] = -1;
  }

 private:
  std::array<int, 2> ends_{-1, -1};
};

TEST_CASE("lines come without their newline, the last one also if it has none") {
  Pipe pipe;
  pipe.write("one\n\nthree");
  pipe.close_writer();
  LineReader reader(pipe.reader());
  std::string line;
  REQUIRE(reader.next(line));
  CHECK(line == "one");
  REQUIRE(reader.next(line));
  CHECK(line.empty());
  REQUIRE(reader.next(line));
  CHECK(line == "three");
  CHECK_FALSE(reader.next(line));
}

TEST_CASE("a line that comes in pieces is put together") {
  Pipe pipe;
  pipe.write("be");
  LineReader reader(pipe.reader());
  CHECK_FALSE(reader.would_wait());  // something can be read, even if it is no whole line
  pipe.write("gin and end\nnext");
  std::string line;
  REQUIRE(reader.next(line));
  CHECK(line == "begin and end");
  pipe.close_writer();
  REQUIRE(reader.next(line));
  CHECK(line == "next");
}

TEST_CASE("a reader knows whether the next line has to be waited for") {
  Pipe pipe;
  LineReader reader(pipe.reader());
  CHECK(reader.would_wait());
  pipe.write("one\ntwo\n");
  std::string line;
  REQUIRE(reader.next(line));
  CHECK_FALSE(reader.would_wait());
  REQUIRE(reader.next(line));
  CHECK(reader.would_wait());
}

TEST_CASE("a line longer than a read is one line") {
  Pipe pipe;
  const std::string half(40000, 'x');
  pipe.write(half);
  LineReader reader(pipe.reader());
  pipe.write(std::string(20000, 'y') + "\n");
  std::string line;
  REQUIRE(reader.next(line));
  CHECK(line == half + std::string(20000, 'y'));
}

}  // namespace
}  // namespace eventbus::app
