#include "common/decimal.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>

namespace tidemark {
namespace {

constexpr std::int64_t kMaxWholeDigits = 131072;
constexpr std::int64_t kMaxScale = 16383;
constexpr std::size_t kMaxExponentDigits = 9;

// ± digits × 10^-scale. As read, the scale may be negative.
struct Decimal {
  bool negative = false;
  std::string digits;
  std::int64_t scale = 0;
};

bool only_digits(std::string_view text) { return text.find_first_not_of("0123456789") == std::string_view::npos; }

// Takes the sign off the front of `text`; true for a minus.
bool take_sign(std::string_view& text) {
  if (text.empty() || (text[0] != '-' && text[0] != '+')) return false;
  const bool negative = text[0] == '-';
  text.remove_prefix(1);
  return negative;
}

std::optional<std::int64_t> exponent_of(std::string_view text) {
  const bool negative = take_sign(text);
  while (text.size() > 1 && text[0] == '0') text.remove_prefix(1);
  if (text.empty() || text.size() > kMaxExponentDigits || !only_digits(text)) return std::nullopt;
  std::int64_t exponent = 0;
  std::from_chars(text.data(), text.data() + text.size(), exponent);
  return negative ? -exponent : exponent;
}

std::optional<Decimal> read(std::string_view text) {
  Decimal number;
  number.negative = take_sign(text);
  if (const std::size_t mark = text.find_first_of("eE"); mark != std::string_view::npos) {
    const auto exponent = exponent_of(text.substr(mark + 1));
    if (!exponent) return std::nullopt;
    number.scale = -*exponent;
    text = text.substr(0, mark);
  }
  const std::size_t point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  const std::string_view fraction = point == std::string_view::npos ? std::string_view() : text.substr(point + 1);
  if (whole.empty() && fraction.empty()) return std::nullopt;
  if (!only_digits(whole) || !only_digits(fraction)) return std::nullopt;
  number.digits.reserve(whole.size() + fraction.size());
  number.digits += whole;
  number.digits += fraction;
  number.digits.erase(0, std::min(number.digits.find_first_not_of('0'), number.digits.size()));
  number.scale += static_cast<std::int64_t>(fraction.size());
  return number;
}

// `scale` must not be negative.
std::string plain(Decimal number) {
  const auto scale = static_cast<std::size_t>(number.scale);
  std::string& digits = number.digits;
  digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size()));
  const bool zero = digits.empty();
  if (digits.size() <= scale) digits.insert(0, scale + 1 - digits.size(), '0');
  if (scale > 0) digits.insert(digits.size() - scale, 1, '.');
  return number.negative && !zero ? "-" + digits : digits;
}

// The decimal that decimal_text gave.
Decimal read_plain(std::string_view text) { return read(text).value_or(Decimal()); }

// Gives both the same number of digits on either side of the point.
void align(Decimal& a, Decimal& b) {
  const std::int64_t scale = std::max(a.scale, b.scale);
  for (Decimal* const number : {&a, &b}) {
    number->digits.append(static_cast<std::size_t>(scale - number->scale), '0');
    number->scale = scale;
  }
  const std::size_t size = std::max(a.digits.size(), b.digits.size());
  for (Decimal* const number : {&a, &b}) number->digits.insert(0, size - number->digits.size(), '0');
}

// a += b, both aligned, without their signs.
void add_magnitude(Decimal& a, const Decimal& b) {
  int carry = 0;
  for (std::size_t i = a.digits.size(); i-- > 0;) {
    const int sum = a.digits[i] - '0' + b.digits[i] - '0' + carry;
    a.digits[i] = static_cast<char>('0' + sum % 10);
    carry = sum / 10;
  }
  if (carry > 0) a.digits.insert(0, 1, '1');
}

// a -= b, both aligned, without their signs; a must not be the smaller.
void subtract_magnitude(Decimal& a, const Decimal& b) {
  int borrow = 0;
  for (std::size_t i = a.digits.size(); i-- > 0;) {
    const int difference = a.digits[i] - b.digits[i] - borrow;
    borrow = difference < 0 ? 1 : 0;
    a.digits[i] = static_cast<char>('0' + difference + 10 * borrow);
  }
}

std::string sum_of(Decimal a, Decimal b) {
  align(a, b);
  if (a.negative == b.negative) {
    add_magnitude(a, b);
    return plain(std::move(a));
  }
  if (a.digits < b.digits) std::swap(a, b);
  subtract_magnitude(a, b);
  return plain(std::move(a));
}

bool is_zero(const Decimal& number) { return number.digits.find_first_not_of('0') == std::string::npos; }

}  // namespace

std::optional<std::string> decimal_text(const ValueView& value) {
  char buffer[32];
  std::string_view text;
  switch (value.type) {
    case Type::kNull:
    case Type::kBlob: return std::nullopt;
    case Type::kInteger: return std::to_string(value.integer);
    case Type::kReal:
      if (!std::isfinite(value.real)) return std::nullopt;
      text = {buffer, std::to_chars(buffer, buffer + sizeof buffer, value.real).ptr};
      break;
    case Type::kText: text = value.bytes; break;
  }
  auto number = read(text);
  if (!number) return std::nullopt;
  const bool zero = number->digits.empty();
  if (number->scale > kMaxScale) return std::nullopt;
  if (!zero && static_cast<std::int64_t>(number->digits.size()) - number->scale > kMaxWholeDigits) return std::nullopt;
  if (number->scale < 0) {
    if (!zero) number->digits.append(static_cast<std::size_t>(-number->scale), '0');
    number->scale = 0;
  }
  return plain(std::move(*number));
}

std::string add_decimals(std::string_view a, std::string_view b) { return sum_of(read_plain(a), read_plain(b)); }

std::string subtract_decimals(std::string_view a, std::string_view b) {
  Decimal minus_b = read_plain(b);
  minus_b.negative = !minus_b.negative;
  return sum_of(read_plain(a), std::move(minus_b));
}

std::strong_ordering compare_decimals(std::string_view a, std::string_view b) {
  Decimal x = read_plain(a);
  Decimal y = read_plain(b);
  if (is_zero(x)) x.negative = false;
  if (is_zero(y)) y.negative = false;
  if (x.negative != y.negative) return x.negative ? std::strong_ordering::less : std::strong_ordering::greater;
  align(x, y);
  return x.negative ? y.digits <=> x.digits : x.digits <=> y.digits;
}

bool same_number(std::string_view a, std::string_view b) {
  auto x = read(a);
  auto y = read(b);
  if (!x || !y) return false;
  for (Decimal* const number : {&*x, &*y}) {
    while (!number->digits.empty() && number->digits.back() == '0') {
      number->digits.pop_back();
      --number->scale;
    }
  }
  if (x->digits != y->digits) return false;
  return x->digits.empty() || (x->scale == y->scale && x->negative == y->negative);
}

}  // namespace tidemark
