// publisher CONFIG COUNT: a process of its own that publishes COUNT events over the bus of a configuration (JSON text).
// Exit code 1 and the error on stderr if it cannot.
#include <cstdlib>
#include <iostream>
#include <string>

#include <eventbus/open_bus.hpp>

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: publisher CONFIG COUNT\n";
    return 2;
  }
  try {
    auto bus = eventbus::open_bus_from_json(argv[1]);
    bus->connect();
    for (int i = 0; i < std::atoi(argv[2]); ++i) {
      eventbus::Event event;
      event.type = "OrderCreated";
      event.payload = eventbus::Payload(std::to_string(i));
      bus->publish(std::move(event));
    }
  } catch (const eventbus::Error& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
