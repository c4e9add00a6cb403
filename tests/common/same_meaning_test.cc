// Which differently written values are no conflict at all.
#include <gtest/gtest.h>

#include "common/reconcile.h"

namespace tidemark {
namespace {

ValueView text(std::string_view value) { return ValueView::text(value); }
ValueView integer(std::int64_t value) { return ValueView::of(value); }

struct Meaning {
  const char* a;
  const char* b;
  bool same;
};

const Meaning kNumerics[] = {
    {"12.5", "12.50", true},
    {"12.5", "12.5", true},
    {"012.5", "12.5", true},
    {"0", "-0", true},
    {"0", "0.000", true},
    {"-0.0", "+0", true},
    {".5", "0.5", true},
    {"5.", "5", true},
    {"+5", "5", true},
    {"-12.50", "-12.5", true},
    {"100", "100.0", true},
    {"12.5", "-12.5", false},
    {"12.5", "12.05", false},
    {"100", "10", false},
    {"0.1", "0.01", false},
    {"1", "10", false},
    {"NaN", "NaN", true},
    {"NaN", "nan", false},
    {"1e3", "1000", true},
    {"", "0", false},
    {".", "0", false},
    {"-", "0", false},
    {"1.2.3", "1.2.30", false},
    {"--1", "1", false},
    {" 1", "1", false},
    {"1 ", "1", false},
    {"abc", "abcd", false},
    {"123456789012345678901234567890.10", "123456789012345678901234567890.1", true},
    {"123456789012345678901234567890", "123456789012345678901234567891", false},
};

TEST(SameMeaning, NumericsAreTheSameWhateverTheirZeros) {
  for (const Meaning& c : kNumerics) {
    EXPECT_EQ(same_meaning(Kind::kNumeric, ValueView::text(c.a), ValueView::text(c.b)), c.same)
        << '"' << c.a << "\" and \"" << c.b << '"';
    EXPECT_EQ(same_meaning(Kind::kNumeric, ValueView::text(c.b), ValueView::text(c.a)), c.same)
        << '"' << c.b << "\" and \"" << c.a << '"';
  }
}

TEST(SameMeaning, ANumericMayBeANumberHere) {
  const auto twelve = ValueView::of(std::int64_t{12});
  EXPECT_TRUE(same_meaning(Kind::kNumeric, twelve, ValueView::text("12.00")));
  EXPECT_TRUE(same_meaning(Kind::kNumeric, ValueView::of(INT64_MIN), ValueView::text("-9223372036854775808.0")));
  EXPECT_TRUE(same_meaning(Kind::kNumeric, ValueView::of(12.5), ValueView::text("12.50")));
  EXPECT_FALSE(same_meaning(Kind::kNumeric, twelve, ValueView::text("12.01")));
  EXPECT_FALSE(same_meaning(Kind::kNumeric, twelve, ValueView::null()));
  EXPECT_FALSE(same_meaning(Kind::kNumeric, ValueView::null(), ValueView::text("0")));
  EXPECT_FALSE(same_meaning(Kind::kNumeric, ValueView::blob("12"), ValueView::text("12")));
  EXPECT_TRUE(same_meaning(Kind::kNumeric, ValueView::null(), ValueView::null()));
}

TEST(SameMeaning, AJsonbMeansWhatItsValuesMean) {
  const auto a = text(R"({"a": 1.0, "b": [1]})");
  const auto b = text(R"({"b":[1],"a":1})");
  EXPECT_TRUE(same_meaning(Kind::kJsonb, a, b));
  EXPECT_FALSE(same_meaning(Kind::kJson, a, b));
  EXPECT_FALSE(same_meaning(Kind::kText, a, b));
  EXPECT_FALSE(same_meaning(Kind::kJsonb, a, text(R"({"b":[1],"a":2})")));
  EXPECT_FALSE(same_meaning(Kind::kJsonb, text("{"), text("{ ")));
  EXPECT_FALSE(same_meaning(Kind::kJsonb, text("1"), integer(1)));
}

TEST(SameMeaning, OtherKindsAreTheSameOnlyIfTheyAreEqual) {
  for (const Kind kind : {Kind::kText, Kind::kInteger, Kind::kDouble, Kind::kJson, Kind::kEnum}) {
    EXPECT_TRUE(same_meaning(kind, ValueView::text("12.5"), ValueView::text("12.5")));
    EXPECT_FALSE(same_meaning(kind, ValueView::text("12.5"), ValueView::text("12.50")));
    EXPECT_FALSE(same_meaning(kind, ValueView::of(std::int64_t{1}), ValueView::of(1.0)));
  }
}

}  // namespace
}  // namespace tidemark
