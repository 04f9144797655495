// A backend that throws everything that can be thrown.
#include <stdexcept>

#include <eventbus/plugin.hpp>

namespace {

using namespace eventbus;

class ThrowingBackend final : public Backend, public Inspection {
 public:
  ThrowingBackend(const BackendSettings& settings, BackendHost&) {
    if (settings.config_json == "refuse") throw Error(ErrorCode::invalid_config, "throwing: cannot start: told so");
  }
  void open(Role, const StartFrom&) override { throw std::runtime_error("the cable is cut"); }
  void append_views(std::span<const EventView>, std::span<AppendResult>) override {
    throw Error(ErrorCode::conflict, "throwing: cannot append: busy; come back", true);
  }
  void receive(std::size_t, milliseconds, std::span<const Settlement> settlements, ReceiveSink& sink) override {
    std::vector<SettleResult> one_too_many(settlements.size() + 1);
    if (!settlements.empty()) sink.settled(one_too_many);
    DeliveryView delivery;
    sink.delivered({&delivery, 1});
  }
  Cursor resume(std::size_t, Cursor, std::vector<Token>&) override { throw Error(ErrorCode::closed, ""); }
  ClaimResult claim(milliseconds, std::size_t, Cursor) override {
    throw Error(ErrorCode::unavailable, std::string(5000, 'x'));
  }
  void redeliver(std::span<const Token>, bool, std::span<HoldStatus>, DeliverySink&) override {
    throw std::bad_alloc();
  }
  void renew(std::span<const Token>, std::span<HoldStatus>) override { throw 42; }
  void settle(std::span<const Settlement>, std::span<SettleResult>) override { throw std::logic_error("no settling"); }
  void wake() noexcept override {}
  void close() noexcept override {}
  Capabilities capabilities() const override { return {}; }
  Inspection* inspection() noexcept override { return this; }
  StreamInfo stream_info() override { throw Error(ErrorCode::timed_out, "throwing: cannot look: too dark"); }
};

}  // namespace

EVENTBUS_PLUGIN(ThrowingBackend, {.name = "throwing"})
