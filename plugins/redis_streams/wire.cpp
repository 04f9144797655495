#include "wire.hpp"

#include <charconv>

namespace eventbus::redis_streams {
namespace {

constexpr std::size_t fixed_values = 6;

void append_number(std::int64_t value, std::string& out) {
  char digits[24];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

bool read_number(std::string_view text, std::int64_t& value) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size();
}

}  // namespace

void escape_into(std::string_view value, std::string& out) {
  for (;;) {
    std::size_t at = value.find_first_of("\t\n\\");
    out.append(value.substr(0, at));
    if (at == std::string_view::npos) return;
    out += '\\';
    out += value[at] == '\t' ? 't' : value[at] == '\n' ? 'n' : '\\';
    value.remove_prefix(at + 1);
  }
}

void encode_meta(const EventView& event, std::string& out) {
  out.assign("1\t");
  escape_into(event.id, out);
  out += '\t';
  escape_into(event.aggregate_id, out);
  out += '\t';
  escape_into(event.aggregate_type, out);
  out += '\t';
  append_number(event.aggregate_version, out);
  out += '\t';
  append_number(event.occurred_at.time_since_epoch().count(), out);
  for (const HeaderView& header : event.headers) {
    out += '\t';
    escape_into(header.name, out);
    out += '=';
    escape_into(header.value, out);
  }
}

void split_line(std::string_view line, std::string& memory, std::vector<std::string_view>& values) {
  values.clear();
  memory.clear();
  memory.reserve(line.size());  // unescaping never lengthens, so what points into it stays valid
  for (;;) {
    std::size_t tab = line.find('\t');
    std::string_view value = line.substr(0, tab);
    if (value.find('\\') != std::string_view::npos) {
      std::size_t begin = memory.size();
      for (std::size_t i = 0; i < value.size(); ++i) {
        char c = value[i];
        if (c == '\\' && i + 1 < value.size()) {
          c = value[++i];
          c = c == 't' ? '\t' : c == 'n' ? '\n' : c;
        }
        memory += c;
      }
      value = std::string_view(memory).substr(begin);
    }
    values.push_back(value);
    if (tab == std::string_view::npos) return;
    line.remove_prefix(tab + 1);
  }
}

WireFormat parse_wire_format(std::string_view name) {
  if (name == "eventbus") return WireFormat::eventbus;
  if (name == "eventsource-py") return WireFormat::eventsource_py;
  throw Error(ErrorCode::invalid_config, "redis-streams: cannot use wire_format '" + std::string(name) +
                                             "': it is none; allowed are eventbus and eventsource-py");
}

std::string Encoder::encode(const EventView& event, std::vector<std::string_view>& fields) {
  if (format_ == WireFormat::eventsource_py) return eventsource_py_.encode(event, fields);
  encode_meta(event, meta_);
  fields.assign({"type", event.type, "meta", meta_, "data", event.payload});
  return {};
}

std::string Decoder::decode(std::span<const std::string_view> fields, EventView& out) {
  if (eventsource_py::is_entry(fields)) return eventsource_py_.decode(fields, out);
  bool has_type = false, has_meta = false, has_data = false;
  std::string_view meta;
  for (std::size_t i = 0; i + 1 < fields.size(); i += 2) {
    if (fields[i] == "type") {
      out.type = fields[i + 1];
      has_type = true;
    } else if (fields[i] == "meta") {
      meta = fields[i + 1];
      has_meta = true;
    } else if (fields[i] == "data") {
      out.payload = fields[i + 1];
      has_data = true;
    }
  }
  if (!has_type || !has_meta || !has_data) {
    return std::string("the entry has no field '") +
           (!has_type   ? "type"
            : !has_meta ? "meta"
                        : "data") +
           "': it was written neither by eventbus nor by eventsource-py";
  }
  if (out.type.empty()) return "the entry's field 'type' is empty";
  return decode_meta(meta, out);
}

std::string Decoder::decode_meta(std::string_view meta, EventView& out) {
  split_line(meta, memory_, values_);
  headers_.clear();
  if (values_[0] != "1") {
    return "the entry's meta has format version '" + std::string(values_[0]) + "'; this version reads 1";
  }
  if (values_.size() < fixed_values) {
    return "the entry's meta has " + std::to_string(values_.size()) + " values; at least 6 are needed";
  }
  std::int64_t occurred_at = 0;
  if (!read_number(values_[4], out.aggregate_version)) return "the entry's aggregate version is no number";
  if (!read_number(values_[5], occurred_at)) return "the entry's time is no number";
  out.id = values_[1];
  out.aggregate_id = values_[2];
  out.aggregate_type = values_[3];
  out.occurred_at = Timestamp{std::chrono::microseconds(occurred_at)};
  for (std::size_t i = fixed_values; i < values_.size(); ++i) {
    std::string_view header = values_[i];
    std::size_t equals = header.find('=');
    if (equals == std::string_view::npos) return "a header in the entry's meta has no '='";
    headers_.push_back({header.substr(0, equals), header.substr(equals + 1)});
  }
  out.headers = headers_;
  return {};
}

}  // namespace eventbus::redis_streams
