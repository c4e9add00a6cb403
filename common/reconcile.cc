#include "common/reconcile.h"

#include <string>

namespace tidemark {
namespace {

// A decimal number without sign of zero, leading and trailing zeros: "-012.50"
// and "-12.5" both give "-12.5". nullopt for anything but plain digits.
std::optional<std::string> plain_decimal(std::string_view text) {
  bool negative = false;
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) {
    negative = text[0] == '-';
    text.remove_prefix(1);
  }
  const std::size_t point = text.find('.');
  std::string_view whole = text.substr(0, point);
  std::string_view fraction = point == std::string_view::npos ? std::string_view() : text.substr(point + 1);
  if (whole.empty() && fraction.empty()) return std::nullopt;
  const auto only_digits = [](std::string_view digits) {
    return digits.find_first_not_of("0123456789") == std::string_view::npos;
  };
  if (!only_digits(whole) || !only_digits(fraction)) return std::nullopt;
  while (!whole.empty() && whole.front() == '0') whole.remove_prefix(1);
  while (!fraction.empty() && fraction.back() == '0') fraction.remove_suffix(1);
  std::string plain(whole);
  if (!fraction.empty()) {
    plain += '.';
    plain += fraction;
  }
  return negative && !plain.empty() ? "-" + plain : plain;
}

std::string number_text(const ValueView& value) {
  if (value.type == Type::kText) return std::string(value.bytes);
  if (value.type == Type::kInteger) return std::to_string(value.integer);
  return "";
}

}  // namespace

std::string_view name_of(Policy policy) {
  switch (policy) {
    case Policy::kLatest: return "latest";
    case Policy::kHub: return "hub";
    case Policy::kDevice: return "device";
  }
  return "latest";
}

Winner reconcile(Policy policy, std::int64_t mine_at_ms, std::int64_t theirs_at_ms) {
  switch (policy) {
    case Policy::kLatest: return mine_at_ms > theirs_at_ms ? Winner::kMine : Winner::kTheirs;
    case Policy::kHub: return Winner::kTheirs;
    case Policy::kDevice: return Winner::kMine;
  }
  return Winner::kTheirs;
}

bool same_meaning(Kind kind, const ValueView& a, const ValueView& b) {
  if (a == b) return true;
  if (kind != Kind::kNumeric) return false;
  const auto x = plain_decimal(number_text(a));
  return x && x == plain_decimal(number_text(b));
}

}  // namespace tidemark
