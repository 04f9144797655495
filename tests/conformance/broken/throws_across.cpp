// Lets an exception out through the C edge: EVENTBUS_PLUGIN would have caught it, so this goes around it.
#include <stdexcept>

#include "decorated.hpp"

namespace eventbus::broken {

class ThrowsAcross final : public Decorated {
 public:
  using Decorated::Decorated;
};

std::int32_t append(eb_backend*, const eb_event* const*, std::size_t, eb_append_result* const*, eb_error*) {
  throw std::runtime_error("thrown across the edge");
}

}  // namespace eventbus::broken

extern "C" const eb_plugin* eventbus_plugin_v1(void) noexcept {
  using namespace eventbus;
  static constexpr PluginInfo info{.name = "broken-throws-across", .config_schema = memory::config_schema_text};
  static const eb_plugin honest = edge::descriptor<broken::ThrowsAcross>(info);
  static const eb_functions functions = [] {
    eb_functions table = *honest.functions;
    table.append = broken::append;
    return table;
  }();
  static const eb_plugin plugin = [] {
    eb_plugin changed = honest;
    changed.functions = &functions;
    return changed;
  }();
  return &plugin;
}
