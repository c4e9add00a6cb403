// Who wins, and which differently written values are no conflict at all.
#include "common/reconcile.h"

#include <gtest/gtest.h>

namespace tidemark {
namespace {

TEST(Reconcile, FollowsThePolicy) {
  struct Case {
    Policy policy;
    std::int64_t mine_at;
    std::int64_t theirs_at;
    Winner winner;
  };
  const Case cases[] = {
      {Policy::kLatest, 2, 1, Winner::kMine},
      {Policy::kLatest, 1, 2, Winner::kTheirs},
      {Policy::kLatest, 1, 1, Winner::kTheirs},
      {Policy::kLatest, 0, 0, Winner::kTheirs},
      {Policy::kLatest, 0, -1, Winner::kMine},
      {Policy::kLatest, -2, -1, Winner::kTheirs},
      {Policy::kLatest, INT64_MAX, INT64_MIN, Winner::kMine},
      {Policy::kLatest, INT64_MIN, INT64_MAX, Winner::kTheirs},
      {Policy::kHub, 2, 1, Winner::kTheirs},
      {Policy::kHub, 1, 2, Winner::kTheirs},
      {Policy::kDevice, 1, 2, Winner::kMine},
      {Policy::kDevice, 2, 1, Winner::kMine},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(reconcile(c.policy, c.mine_at, c.theirs_at), c.winner)
        << name_of(c.policy) << ", mine at " << c.mine_at << ", theirs at " << c.theirs_at;
  }
}

TEST(Reconcile, PoliciesHaveTheNamesOfTheDesign) {
  EXPECT_EQ(name_of(Policy::kLatest), "latest");
  EXPECT_EQ(name_of(Policy::kHub), "hub");
  EXPECT_EQ(name_of(Policy::kDevice), "device");
}

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
    {"1e3", "1000", false},
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

TEST(Reconcile, NumericsAreTheSameWhateverTheirZeros) {
  for (const Meaning& c : kNumerics) {
    EXPECT_EQ(same_meaning(Kind::kNumeric, ValueView::text(c.a), ValueView::text(c.b)), c.same)
        << '"' << c.a << "\" and \"" << c.b << '"';
    EXPECT_EQ(same_meaning(Kind::kNumeric, ValueView::text(c.b), ValueView::text(c.a)), c.same)
        << '"' << c.b << "\" and \"" << c.a << '"';
  }
}

TEST(Reconcile, ANumericMayBeAnIntegerHere) {
  const auto twelve = ValueView::of(std::int64_t{12});
  EXPECT_TRUE(same_meaning(Kind::kNumeric, twelve, ValueView::text("12.00")));
  EXPECT_TRUE(same_meaning(Kind::kNumeric, ValueView::of(INT64_MIN),
                           ValueView::text("-9223372036854775808.0")));
  EXPECT_FALSE(same_meaning(Kind::kNumeric, twelve, ValueView::text("12.01")));
  EXPECT_FALSE(same_meaning(Kind::kNumeric, twelve, ValueView::null()));
  EXPECT_FALSE(same_meaning(Kind::kNumeric, ValueView::null(), ValueView::text("0")));
  EXPECT_FALSE(same_meaning(Kind::kNumeric, ValueView::blob("12"), ValueView::text("12")));
  EXPECT_TRUE(same_meaning(Kind::kNumeric, ValueView::null(), ValueView::null()));
}

TEST(Reconcile, OtherKindsAreTheSameOnlyIfTheyAreEqual) {
  for (const Kind kind : {Kind::kText, Kind::kInteger, Kind::kDouble, Kind::kJsonb, Kind::kEnum}) {
    EXPECT_TRUE(same_meaning(kind, ValueView::text("12.5"), ValueView::text("12.5")));
    EXPECT_FALSE(same_meaning(kind, ValueView::text("12.5"), ValueView::text("12.50")));
    EXPECT_FALSE(same_meaning(kind, ValueView::of(std::int64_t{1}), ValueView::of(1.0)));
  }
}

}  // namespace
}  // namespace tidemark
