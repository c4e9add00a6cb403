#include "common/number.h"

#include <charconv>
#include <cmath>
#include <limits>

#include "common/decimal.h"

namespace tidemark {
namespace {

// The whole of `text` as a number, after an optional sign.
template <class Number>
std::optional<Number> parsed(std::string_view text) {
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<std::int64_t> any_integer(const ValueView& value) {
  switch (value.type) {
    case Type::kInteger: return value.integer;
    case Type::kReal:
      if (!(std::abs(value.real) < 1e15) || value.real != std::trunc(value.real)) return std::nullopt;
      return static_cast<std::int64_t>(value.real);
    case Type::kText: return parsed<std::int64_t>(value.bytes);
    case Type::kNull:
    case Type::kBlob: return std::nullopt;
  }
  return std::nullopt;
}

template <class Integer>
bool is_within(std::int64_t value) {
  return value >= std::numeric_limits<Integer>::min() && value <= std::numeric_limits<Integer>::max();
}

}  // namespace

std::optional<std::int64_t> integer_of(Kind kind, const ValueView& value) {
  const auto integer = any_integer(value);
  if (!integer) return std::nullopt;
  switch (kind) {
    case Kind::kSmallint: return is_within<std::int16_t>(*integer) ? integer : std::nullopt;
    case Kind::kInteger: return is_within<std::int32_t>(*integer) ? integer : std::nullopt;
    default: return integer;
  }
}

std::optional<double> real_of(const ValueView& value) {
  switch (value.type) {
    case Type::kInteger: return static_cast<double>(value.integer);
    case Type::kReal: return value.real;
    case Type::kText: break;
    case Type::kNull:
    case Type::kBlob: return std::nullopt;
  }
  switch (extreme_of(value)) {
    case Extreme::kMinusInfinity: return -std::numeric_limits<double>::infinity();
    case Extreme::kInfinity: return std::numeric_limits<double>::infinity();
    case Extreme::kNan: return std::numeric_limits<double>::quiet_NaN();
    case Extreme::kNone: break;
  }
  // from_chars would also take "inf" and "nan(…)".
  return decimal_text(value) ? parsed<double>(value.bytes) : std::nullopt;
}

Extreme extreme_of(const ValueView& value) {
  if (value.type == Type::kReal && !std::isfinite(value.real)) {
    if (std::isnan(value.real)) return Extreme::kNan;
    return value.real > 0 ? Extreme::kInfinity : Extreme::kMinusInfinity;
  }
  if (value.type != Type::kText) return Extreme::kNone;
  if (value.bytes == "NaN") return Extreme::kNan;
  if (value.bytes == "Infinity") return Extreme::kInfinity;
  if (value.bytes == "-Infinity") return Extreme::kMinusInfinity;
  return Extreme::kNone;
}

}  // namespace tidemark
