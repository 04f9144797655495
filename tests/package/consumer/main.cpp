// consumer [BACKEND]: handles an event in memory; and finds the backend's plugin.
#include <cstdio>
#include <eventbus/open_bus.hpp>
#include <string>

int main(int argc, char** argv) {
  std::string received;
  auto bus = eventbus::open_bus_from_json(R"({"backend": "memory", "backends": {"memory": {"dispatch": "inline"}}})");
  auto subscription =
      bus->subscribe("OrderCreated", [&](const eventbus::Event& event) { received = event.payload.bytes(); });
  bus->connect();
  bus->start_consuming();
  bus->publish({.type = "OrderCreated", .payload = "one"});
  if (received != "one") {
    std::fprintf(stderr, "received '%s' instead of 'one'\n", received.c_str());
    return 1;
  }
  if (argc > 1) {
    const auto plugin = eventbus::backend_available(argv[1]);
    if (!plugin) std::fprintf(stderr, "%s\n", plugin.reason.c_str());
    return plugin ? 0 : 1;
  }
}
