// Settles an event the moment it hands it out: whoever dies with it loses it.
#include "decorated.hpp"

namespace eventbus::broken {

class AcksOnRead final : public Decorated {
 public:
  using Decorated::Decorated;
  void receive(std::size_t max, milliseconds wait, std::span<const Settlement> settlements,
               ReceiveSink& sink) override {
    Remembering remembering(sink);
    honest().receive(max, wait, settlements, remembering);
    acknowledge(remembering.tokens);
  }

 private:
  struct Remembering final : PassingSink {
    using PassingSink::PassingSink;
    void delivered(std::span<const DeliveryView> batch) override {
      for (const DeliveryView& delivery : batch) tokens.push_back(delivery.token);
      PassingSink::delivered(batch);
    }
    std::vector<Token> tokens;
  };
};

}  // namespace eventbus::broken

EVENTBUS_BROKEN_PLUGIN(eventbus::broken::AcksOnRead, "acks-on-read")
