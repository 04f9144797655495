// Hands out each batch backwards, and declares that it keeps the order.
#include "decorated.hpp"

namespace eventbus::broken {

class Reorders final : public Decorated {
 public:
  using Decorated::Decorated;
  void receive(std::size_t max, milliseconds wait, std::span<const Settlement> settlements,
               ReceiveSink& sink) override {
    Reversing reversing(sink);
    honest().receive(max, wait, settlements, reversing);
  }

 private:
  struct Reversing final : PassingSink {
    using PassingSink::PassingSink;
    void delivered(std::span<const DeliveryView> batch) override {
      const std::vector<DeliveryView> reversed(batch.rbegin(), batch.rend());
      PassingSink::delivered(reversed);
    }
  };
};

}  // namespace eventbus::broken

EVENTBUS_BROKEN_PLUGIN(eventbus::broken::Reorders, "reorders")
