#include "entries.hpp"

namespace eventbus::redis_streams {

void EntryBatch::add(ReplyPart entry, std::uint32_t attempt) {
  add(parse_position(entry[0].text()).value_or(Position{}), entry[1], attempt);
}

void EntryBatch::add(Position position, ReplyPart fields, std::uint32_t attempt) {
  if (used_ == slots_.size()) slots_.emplace_back();
  Slot& slot = slots_[used_++];
  DeliveryView& view = views_.emplace_back();
  view.token = {position, attempt};
  fields_.clear();
  for (std::size_t i = 0; i < fields.size(); ++i) fields_.push_back(fields[i].text());
  for (std::size_t i = 0; i + 1 < fields_.size(); i += 2) {
    if (fields_[i] == "only_group") view.only_group = fields_[i + 1];
  }
  slot.problem = slot.decoder.decode(fields_, view.event);
  view.undecodable = slot.problem;
}

}  // namespace eventbus::redis_streams
