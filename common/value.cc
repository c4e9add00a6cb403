#include "common/value.h"

#include <bit>

namespace tidemark {

ValueView ValueView::of(std::int64_t value) {
  ValueView view;
  view.type = Type::kInteger;
  view.integer = value;
  return view;
}

ValueView ValueView::of(double value) {
  ValueView view;
  view.type = Type::kReal;
  view.real = value;
  return view;
}

ValueView ValueView::text(std::string_view value) {
  ValueView view;
  view.type = Type::kText;
  view.bytes = value;
  return view;
}

ValueView ValueView::blob(std::string_view value) {
  ValueView view;
  view.type = Type::kBlob;
  view.bytes = value;
  return view;
}

bool ValueView::operator==(const ValueView& other) const {
  if (type != other.type) return false;
  switch (type) {
    case Type::kNull: return true;
    case Type::kInteger: return integer == other.integer;
    case Type::kReal: return std::bit_cast<std::uint64_t>(real) == std::bit_cast<std::uint64_t>(other.real);
    case Type::kText:
    case Type::kBlob: return bytes == other.bytes;
  }
  return false;
}

Value::Value(const ValueView& view) : type_(view.type), bytes_(view.bytes) {
  if (type_ == Type::kReal) {
    real_ = view.real;
  } else {
    integer_ = view.integer;
  }
}

ValueView Value::view() const {
  ValueView view;
  view.type = type_;
  if (type_ == Type::kReal) {
    view.real = real_;
  } else {
    view.integer = integer_;
  }
  view.bytes = bytes_;
  return view;
}

void append_lookup(std::string& out, const ValueView& value) {
  const auto append_raw = [&out](const auto& plain) {
    out.append(reinterpret_cast<const char*>(&plain), sizeof plain);
  };
  out += static_cast<char>(value.type);
  switch (value.type) {
    case Type::kNull: return;
    case Type::kInteger: append_raw(value.integer); return;
    case Type::kReal: append_raw(value.real); return;
    case Type::kText:
    case Type::kBlob:
      append_raw(value.bytes.size());
      out += value.bytes;
      return;
  }
}

}  // namespace tidemark
