#include "rows.hpp"

#include "headers.hpp"

namespace eventbus::sqlite {

void Rows::add(const Query& row, std::uint32_t attempt) {
  static constexpr int columns[] = {1, 2, 3, 4, 7, 8, 9};
  if (views_.size() == slots_.size()) slots_.emplace_back();
  Slot& slot = slots_[views_.size()];
  std::size_t size = 0;
  for (int column : columns) size += row.text(column).size();
  slot.text.clear();
  slot.text.reserve(size);  // so the views stay where they are
  auto keep = [&](int column) {
    std::size_t begin = slot.text.size();
    slot.text += row.text(column);
    return std::string_view(slot.text).substr(begin);
  };
  DeliveryView view;
  view.token = {{row.natural(0), 0}, attempt};
  view.event.id = keep(1);
  view.event.type = keep(2);
  view.event.aggregate_id = keep(3);
  view.event.aggregate_type = keep(4);
  view.event.aggregate_version = row.integer(5);
  view.event.occurred_at = Timestamp(std::chrono::microseconds(row.integer(6)));
  view.only_group = keep(7);
  if (decode_headers(keep(8), slot.header_memory, slot.headers)) {
    view.event.headers = slot.headers;
  } else {
    view.undecodable = "sqlite: the column 'headers' holds no headers; another program wrote this row";
  }
  view.event.payload = keep(9);
  views_.push_back(view);
  bytes_ += size;
}

void Rows::clear() noexcept {
  views_.clear();
  bytes_ = 0;
  if (slots_.size() > 1000) slots_.resize(1000);
}

}  // namespace eventbus::sqlite
