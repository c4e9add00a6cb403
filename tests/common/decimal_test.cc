// Decimals against the compiler's integers and against their own inverse.
#include "common/decimal.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/common/random_seed.h"

namespace tidemark {
namespace {

using Optional = std::optional<std::string>;

TEST(Decimal, IsWrittenPlainlyWithItsScale) {
  struct Case {
    const char* text;
    Optional decimal;
  };
  const Case cases[] = {
      {"0", "0"},
      {"-0", "0"},
      {"-0.00", "0.00"},
      {"12.50", "12.50"},
      {"+12.50", "12.50"},
      {"-012.50", "-12.50"},
      {".5", "0.5"},
      {"-.5", "-0.5"},
      {"5.", "5"},
      {"1.5e3", "1500"},
      {"1.5E+3", "1500"},
      {"1.50e1", "15.0"},
      {"1.5e-3", "0.0015"},
      {"-1e0", "-1"},
      {"0e5", "0"},
      {"0.0e1", "0"},
      {"0e999999999", "0"},
      {"1e0000000000003", "1000"},
      {"1e-16383", "0." + std::string(16382, '0') + "1"},
      {"1e131071", "1" + std::string(131071, '0')},
      {"1e131072", {}},
      {"1e-16384", {}},
      {"1e9999999999", {}},
      {"1e", {}},
      {"1e+", {}},
      {"1e1.5", {}},
      {"e5", {}},
      {"", {}},
      {".", {}},
      {"-", {}},
      {"--1", {}},
      {"+-1", {}},
      {"1.2.3", {}},
      {" 1", {}},
      {"1 ", {}},
      {"1_000", {}},
      {"0x10", {}},
      {"NaN", {}},
      {"Infinity", {}},
  };
  for (const Case& c : cases) EXPECT_EQ(decimal_text(ValueView::text(c.text)), c.decimal) << c.text;
}

TEST(Decimal, ReadsEveryTypeOfValue) {
  using limits = std::numeric_limits<double>;
  EXPECT_EQ(decimal_text(ValueView::of(INT64_MIN)), "-9223372036854775808");
  EXPECT_EQ(decimal_text(ValueView::of(0.1)), "0.1");
  EXPECT_EQ(decimal_text(ValueView::of(-0.0)), "0");
  EXPECT_EQ(decimal_text(ValueView::of(1e23)), "1" + std::string(23, '0'));
  EXPECT_EQ(decimal_text(ValueView::of(-2.5e-7)), "-0.00000025");
  EXPECT_EQ(decimal_text(ValueView::of(limits::max()))->size(), 309u);
  EXPECT_EQ(decimal_text(ValueView::of(limits::denorm_min())), "0." + std::string(323, '0') + "5");
  EXPECT_EQ(decimal_text(ValueView::of(limits::infinity())), std::nullopt);
  EXPECT_EQ(decimal_text(ValueView::of(limits::quiet_NaN())), std::nullopt);
  EXPECT_EQ(decimal_text(ValueView::null()), std::nullopt);
  EXPECT_EQ(decimal_text(ValueView::blob("1")), std::nullopt);
}

TEST(Decimal, AddsAndSubtractsAtTheGreaterScale) {
  struct Case {
    const char* a;
    const char* b;
    const char* sum;
    const char* difference;
  };
  const Case cases[] = {
      {"0", "0", "0", "0"},
      {"1.5", "0.50", "2.00", "1.00"},
      {"0.1", "0.2", "0.3", "-0.1"},
      {"999", "1", "1000", "998"},
      {"0.999", "0.001", "1.000", "0.998"},
      {"-1.5", "1.50", "0.00", "-3.00"},
      {"5", "-7", "-2", "12"},
      {"-5", "-7", "-12", "2"},
      {"100", "0.01", "100.01", "99.99"},
      {"99999999999999999999", "1", "100000000000000000000", "99999999999999999998"},
      {"0.00", "0", "0.00", "0.00"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(add_decimals(c.a, c.b), c.sum) << c.a << " + " << c.b;
    EXPECT_EQ(add_decimals(c.b, c.a), c.sum) << c.b << " + " << c.a;
    EXPECT_EQ(subtract_decimals(c.a, c.b), c.difference) << c.a << " - " << c.b;
  }
}

TEST(Decimal, ComparesByValue) {
  const char* const rising[] = {"-100", "-12.5", "-12.49", "-0.1", "0", "0.001", "0.01", "1", "9.99", "10", "100"};
  for (std::size_t i = 0; i < std::size(rising); ++i) {
    for (std::size_t j = 0; j < std::size(rising); ++j) {
      EXPECT_EQ(compare_decimals(rising[i], rising[j]), i <=> j) << rising[i] << " and " << rising[j];
    }
  }
  EXPECT_TRUE(compare_decimals("12.5", "12.500") == 0);
  EXPECT_TRUE(compare_decimals("0.00", "0") == 0);
}

TEST(Decimal, KnowsTheSameNumberInAnyForm) {
  const std::pair<const char*, const char*> same[] = {
      {"1", "1.0"}, {"1e400", "10e399"}, {"1E-5", "0.00001"}, {"0", "-0.0"},
      {"0e7", "0"}, {"1500", "1.5e3"},   {"-2", "-20e-1"},    {"1e999999999", "10e999999998"},
  };
  for (const auto& [a, b] : same) EXPECT_TRUE(same_number(a, b)) << a << " and " << b;
  const std::pair<const char*, const char*> different[] = {
      {"1", "-1"}, {"1e400", "1e401"}, {"10", "1"}, {"0.1", "1"}, {"x", "x"}, {"1e9999999999", "1e9999999999"},
  };
  for (const auto& [a, b] : different) EXPECT_FALSE(same_number(a, b)) << a << " and " << b;
}

// value / 10^scale.
std::string scaled(__int128 value, std::size_t scale) {
  const bool negative = value < 0;
  std::string digits;
  for (__int128 rest = negative ? -value : value; rest > 0; rest /= 10) {
    digits.insert(0, 1, static_cast<char>('0' + static_cast<int>(rest % 10)));
  }
  if (digits.size() <= scale) digits.insert(0, scale + 1 - digits.size(), '0');
  if (scale > 0) digits.insert(digits.size() - scale, 1, '.');
  return (negative ? "-" : "") + digits;
}

TEST(Decimal, AgreesWithTheCompilersIntegers) {
  const std::uint32_t seed = random_seed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  std::mt19937_64 wide(seed);
  for (int i = 0; i < 20'000; ++i) {
    const int shift = static_cast<int>(pick(random, 63));
    const __int128 a = static_cast<std::int64_t>(wide()) >> shift;
    const __int128 b = static_cast<std::int64_t>(wide()) >> pick(random, 63);
    const std::size_t scale = pick(random, 20);
    ASSERT_EQ(add_decimals(scaled(a, scale), scaled(b, scale)), scaled(a + b, scale));
    ASSERT_EQ(subtract_decimals(scaled(a, scale), scaled(b, scale)), scaled(a - b, scale));
    ASSERT_EQ(compare_decimals(scaled(a, scale), scaled(b, scale)), a <=> b);
  }
}

std::string random_decimal(std::mt19937& random, std::size_t most) {
  const std::string text = random_text(random, 1, "-") + "1" + random_text(random, most, "0123456789") + "." +
                           random_text(random, most, "0123456789");
  return *decimal_text(ValueView::text(text));
}

TEST(Decimal, TakesBackWhatItAdded) {
  const std::uint32_t seed = random_seed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (int i = 0; i < 2'000; ++i) {
    const std::string a = random_decimal(random, i % 100 == 0 ? 16'000 : 60);
    const std::string b = random_decimal(random, i % 100 == 0 ? 16'000 : 60);
    const std::string back = subtract_decimals(add_decimals(a, b), b);
    ASSERT_TRUE(compare_decimals(back, a) == 0) << a << " and " << b;
    ASSERT_TRUE(same_number(back, a)) << a << " and " << b;
    ASSERT_EQ(decimal_text(ValueView::text(back)), back);
  }
}

TEST(Decimal, RandomBytesAreHarmless) {
  const std::uint32_t seed = random_seed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (int i = 0; i < 50'000; ++i) {
    const std::string text = random_text(random, 10, "0123456789.eE+-x\xff");
    const auto decimal = decimal_text(ValueView::text(text));
    same_number(text, "1");
    if (!decimal) continue;
    ASSERT_EQ(decimal_text(ValueView::text(*decimal)), decimal) << text;
    ASSERT_TRUE(same_number(text, *decimal)) << text;
  }
}

}  // namespace
}  // namespace tidemark
