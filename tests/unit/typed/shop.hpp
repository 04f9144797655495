// The events of the tests: a shop's.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <eventbus/typed.hpp>

namespace shop {

enum class Currency { eur, usd };
NLOHMANN_JSON_SERIALIZE_ENUM(Currency, {{Currency::eur, "EUR"}, {Currency::usd, "USD"}})

struct Sku {  // with a JSON form of its own
  int number = 0;
  friend bool operator==(const Sku&, const Sku&) = default;
};
inline void to_json(nlohmann::json& to, const Sku& from) { to = "sku-" + std::to_string(from.number); }
inline void from_json(const nlohmann::json& from, Sku& to) {
  const auto text = from.get<std::string>();
  if (!text.starts_with("sku-")) throw std::runtime_error("a sku begins with 'sku-'");
  to.number = std::stoi(text.substr(4));
}

struct Line {
  Sku sku;
  int quantity = 0;
  double price = 0;
  friend bool operator==(const Line&, const Line&) = default;
};
EVENTBUS_FIELDS(Line, sku, quantity, price)

struct OrderCreated {
  std::string customer_id;
  double total_amount = 0;
  std::optional<std::string> note;
  friend bool operator==(const OrderCreated&, const OrderCreated&) = default;
};
EVENTBUS_EVENT(OrderCreated, customer_id, total_amount, note)

struct OrderShipped {
  std::string tracking_number;
  friend bool operator==(const OrderShipped&, const OrderShipped&) = default;
};
EVENTBUS_EVENT(OrderShipped, tracking_number)

struct OrderCancelled {};
EVENTBUS_EVENT(OrderCancelled)

namespace detailed {

struct Base {
  bool express = false;
  friend bool operator==(const Base&, const Base&) = default;
};
struct Placed : Base {
  std::vector<Line> lines;
  Currency currency = Currency::eur;
  std::map<std::string, std::vector<std::int8_t>> scores;
  std::optional<Line> gift;
  eventbus::Timestamp due{};
  std::vector<std::optional<std::uint64_t>> gaps;
  friend bool operator==(const Placed&, const Placed&) = default;
};
EVENTBUS_EVENT_NAMED(Placed, "order.placed", 3, express, lines, currency, scores, gift, due, gaps)

}  // namespace detailed

struct Counted {  // tells how often it was made out of JSON
  int value = 0;
  static inline int decoded = 0;
  static inline int encoded = 0;
};
inline void to_json(nlohmann::json& to, const Counted& from) {
  ++Counted::encoded;
  to = {{"value", from.value}};
}
inline void from_json(const nlohmann::json& from, Counted& to) {
  ++Counted::decoded;
  from.at("value").get_to(to.value);
}
EVENTBUS_EVENT_TYPE(Counted, "counted", 1)

}  // namespace shop
