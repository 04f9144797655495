// A process of its own over the bus of a configuration (JSON text):
//   worker CONFIG handle    handles events, once there was a line on standard input
//   worker CONFIG publish   publishes events with payloads 0, 1, ...
// Prints "ready" when it consumes, then a line `payload attempt` for each event before it is acknowledged, or the
// payload of each event after it was written. Ends at the end of standard input. Exit code 1 and the error on stderr if
// it can't.
#include <cstdio>
#include <future>
#include <iostream>
#include <string>

#include <eventbus/open_bus.hpp>

namespace {

void say(const std::string& line) {
  std::puts(line.c_str());
  std::fflush(stdout);
}

void handle(eventbus::EventBus& bus) {
  std::promise<void> go;
  auto gone = go.get_future().share();
  auto subscription = bus.subscribe_to_all([gone](const eventbus::Event& event, const eventbus::Delivery& delivery) {
    say(std::string(event.payload.bytes()) + " " + std::to_string(delivery.attempt()));
    gone.wait();
  });
  bus.start_consuming();
  say("ready");
  std::string line;
  std::getline(std::cin, line);
  go.set_value();
  while (std::getline(std::cin, line)) {
  }
  bus.stop_consuming();
}

void publish(eventbus::EventBus& bus) {
  for (int i = 0; true; ++i) {
    eventbus::Event event;
    event.type = "OrderCreated";
    event.payload = eventbus::Payload(std::to_string(i));
    bus.publish(std::move(event));
    say(std::to_string(i));
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: worker CONFIG handle|publish\n";
    return 2;
  }
  try {
    auto bus = eventbus::open_bus_from_json(argv[1]);
    bus->connect();
    std::string(argv[2]) == "publish" ? publish(*bus) : handle(*bus);
  } catch (const eventbus::Error& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
