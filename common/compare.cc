#include "common/compare.h"

#include <algorithm>
#include <cmath>

#include "common/decimal.h"
#include "common/moment.h"
#include "common/number.h"
#include "common/uuid.h"

namespace tidemark {
namespace {

using Order = std::optional<std::weak_ordering>;

// Of two things that each value may or may not be.
template <class Read>
Order compare_as(const ValueView& a, const ValueView& b, Read read) {
  const auto x = read(a);
  const auto y = read(b);
  if (!x || !y) return std::nullopt;
  return *x <=> *y;
}

std::optional<std::string_view> text_in(const ValueView& value) {
  if (value.type != Type::kText) return std::nullopt;
  return value.bytes;
}

std::optional<bool> truth_of(const ValueView& value) {
  if (value.type != Type::kInteger || value.integer < 0 || value.integer > 1) return std::nullopt;
  return value.integer == 1;
}

std::optional<UuidBytes> uuid_of(const ValueView& value) {
  if (value.type == Type::kText) return uuid_from(value.bytes);
  UuidBytes uuid;
  if (value.type != Type::kBlob || value.bytes.size() != uuid.size()) return std::nullopt;
  std::copy(value.bytes.begin(), value.bytes.end(), uuid.begin());
  return uuid;
}

Order compare_reals(const ValueView& a, const ValueView& b) {
  const auto x = real_of(a);
  const auto y = real_of(b);
  if (!x || !y) return std::nullopt;
  if (std::isnan(*x) || std::isnan(*y)) return std::isnan(*x) <=> std::isnan(*y);
  if (*x == *y) return std::weak_ordering::equivalent;
  return *x < *y ? std::weak_ordering::less : std::weak_ordering::greater;
}

Order compare_numerics(const ValueView& a, const ValueView& b) {
  const Extreme x = extreme_of(a);
  const Extreme y = extreme_of(b);
  const auto plain_x = decimal_text(a);
  const auto plain_y = decimal_text(b);
  if ((x == Extreme::kNone && !plain_x) || (y == Extreme::kNone && !plain_y)) return std::nullopt;
  if (x != Extreme::kNone || y != Extreme::kNone) return x <=> y;
  return compare_decimals(*plain_x, *plain_y);
}

}  // namespace

std::optional<std::weak_ordering> compare_values(Kind kind, const ValueView& a, const ValueView& b) {
  switch (kind) {
    case Kind::kSmallint:
    case Kind::kInteger:
    case Kind::kBigint: return compare_as(a, b, [&](const ValueView& value) { return integer_of(kind, value); });
    case Kind::kReal:
    case Kind::kDouble: return compare_reals(a, b);
    case Kind::kNumeric: return compare_numerics(a, b);
    case Kind::kText: return compare_as(a, b, text_in);
    case Kind::kBoolean: return compare_as(a, b, truth_of);
    case Kind::kUuid: return compare_as(a, b, uuid_of);
    case Kind::kDate:
    case Kind::kTime:
    case Kind::kTimestamp:
    case Kind::kTimestamptz:
      return compare_as(a, b, [&](const ValueView& value) {
        return value.type == Type::kText ? moment_from(kind, value.bytes) : std::nullopt;
      });
    case Kind::kBytea:
    case Kind::kInterval:
    case Kind::kJson:
    case Kind::kJsonb:
    case Kind::kEnum:
    case Kind::kArray: return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace tidemark
