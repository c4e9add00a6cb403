// Values are equal only if type and bytes are: 1 is not 1.0, 0.0 is not -0.0.
#include "common/value.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

namespace tidemark {
namespace {

using namespace std::string_view_literals;
using limits = std::numeric_limits<double>;

// No two of these are equal.
const std::vector<ValueView>& different_values() {
  static const std::vector<ValueView> values = {
      ValueView::null(),
      ValueView::of(std::int64_t{0}),
      ValueView::of(std::int64_t{1}),
      ValueView::of(std::int64_t{-1}),
      ValueView::of(INT64_MAX),
      ValueView::of(INT64_MIN),
      ValueView::of(std::int64_t{9007199254740993}),
      ValueView::of(9007199254740992.0),
      ValueView::of(0.0),
      ValueView::of(-0.0),
      ValueView::of(1.0),
      ValueView::of(-1.0),
      ValueView::of(limits::denorm_min()),
      ValueView::of(std::nextafter(1.0, 2.0)),
      ValueView::of(limits::infinity()),
      ValueView::of(-limits::infinity()),
      ValueView::of(limits::quiet_NaN()),
      ValueView::text(""),
      ValueView::text("a"),
      ValueView::text("A"),
      ValueView::text("a\0"sv),
      ValueView::text("a\0b"sv),
      ValueView::text("1"),
      ValueView::text("1.0"),
      ValueView::blob(""),
      ValueView::blob("a"),
      ValueView::blob("\0"sv),
      ValueView::blob("1"),
      ValueView::blob(std::string_view("\0\0\0\0\0\0\0\0", 8)),
  };
  return values;
}

TEST(Value, IsEqualToItselfOnly) {
  const auto& values = different_values();
  for (std::size_t i = 0; i < values.size(); ++i) {
    for (std::size_t j = 0; j < values.size(); ++j) {
      EXPECT_EQ(values[i] == values[j], i == j) << i << " and " << j;
      EXPECT_EQ(Value(values[i]) == Value(values[j]), i == j) << i << " and " << j;
    }
  }
}

TEST(Value, OwnsItsBytes) {
  std::string bytes = "short-lived text, longer than a small string";
  const Value value(ValueView::text(bytes));
  const std::string expected = bytes;
  bytes.assign(bytes.size(), '?');
  EXPECT_EQ(value.view(), ValueView::text(expected));
}

TEST(Value, GivesBackTheViewItWasMadeFrom) {
  for (const ValueView& view : different_values()) {
    EXPECT_EQ(Value(view).view(), view);
    EXPECT_EQ(Value(view).is_null(), view.type == Type::kNull);
  }
  const double quiet = std::bit_cast<double>(0x7FF8'0000'0000'0123);  // a NaN with a payload
  EXPECT_EQ(std::bit_cast<std::uint64_t>(Value(ValueView::of(quiet)).view().real), 0x7FF8'0000'0000'0123U);
}

TEST(Value, LookupsAreEqualExactlyWhenTheKeysAre) {
  const auto& values = different_values();
  const auto lookup = [](const ValueView& a, const ValueView& b) {
    std::string text;
    append_lookup(text, a);
    append_lookup(text, b);
    return text;
  };
  for (std::size_t a = 0; a < values.size(); ++a) {
    for (std::size_t b = 0; b < values.size(); ++b) {
      for (std::size_t c = 0; c < values.size(); ++c) {
        for (std::size_t d = 0; d < values.size(); ++d) {
          const bool same = lookup(values[a], values[b]) == lookup(values[c], values[d]);
          ASSERT_EQ(same, a == c && b == d) << a << ' ' << b << ' ' << c << ' ' << d;
        }
      }
    }
  }
}

TEST(Value, LookupsOfSeveralTextsDoNotRunTogether) {
  const auto lookup = [](std::initializer_list<std::string_view> texts) {
    std::string out;
    for (const std::string_view text : texts) append_lookup(out, ValueView::text(text));
    return out;
  };
  EXPECT_NE(lookup({"ab", "c"}), lookup({"a", "bc"}));
  EXPECT_NE(lookup({"", "abc"}), lookup({"abc", ""}));
  EXPECT_NE(lookup({"a\0"sv, "b"}), lookup({"a", "\0b"sv}));
}

}  // namespace
}  // namespace tidemark
