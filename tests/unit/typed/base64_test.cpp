#include <catch2/catch_test_macros.hpp>

#include <eventbus/base64.hpp>

namespace eventbus {
namespace {

TEST_CASE("base64 text is that of RFC 4648") {
  CHECK(base64_encode("") == "");
  CHECK(base64_encode("f") == "Zg==");
  CHECK(base64_encode("fo") == "Zm8=");
  CHECK(base64_encode("foo") == "Zm9v");
  CHECK(base64_encode("\xFB\xFF\xFE") == "+//+");
}

TEST_CASE("every byte survives base64, whatever the length") {
  std::string bytes;
  for (int i = 0; i < 256; ++i) {
    CHECK(base64_decode(base64_encode(bytes)) == bytes);
    bytes += static_cast<char>(255 - i);
  }
}

TEST_CASE("base64 without its padding is read too") {
  CHECK(base64_decode("Zg") == "f");
  CHECK(base64_decode("Zm8") == "fo");
}

TEST_CASE("what is no base64 is refused") {
  for (const char* text : {"Z", "Zm9vZ", "Zm9*", "Zm 9v", "=", "Z===", "Zg==Zg=="}) {
    INFO(text);
    CHECK_FALSE(base64_decode(text));
  }
}

}  // namespace
}  // namespace eventbus
