// What each policy makes of two changes of one value, and what a sum travels as.
#include "common/reconcile.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <span>

#include "tests/common/random_seed.h"

namespace tidemark {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kGreatest = std::numeric_limits<double>::max();

ValueView null() { return ValueView::null(); }
ValueView integer(std::int64_t value) { return ValueView::of(value); }
ValueView real(double value) { return ValueView::of(value); }
ValueView text(std::string_view value) { return ValueView::text(value); }

std::string shown(const ValueView& value) {
  switch (value.type) {
    case Type::kNull: return "NULL";
    case Type::kInteger: return std::to_string(value.integer);
    case Type::kReal: return "real " + std::to_string(value.real);
    case Type::kText: return '"' + std::string(value.bytes) + '"';
    case Type::kBlob: return "blob";
  }
  return "";
}

// Theirs was written at 5.
Sides sides(ValueView base, ValueView mine, ValueView theirs, std::int64_t mine_at = 4) {
  return {true, base, mine, theirs, mine_at, 5};
}

Sides without_base(ValueView mine, ValueView theirs, std::int64_t mine_at = 4) {
  return {false, null(), mine, theirs, mine_at, 5};
}

TEST(Reconcile, FollowsTheClockOrTheSide) {
  struct Case {
    Rule rule;
    std::int64_t mine_at;
    std::int64_t theirs_at;
    std::string_view winner;
  };
  const Case cases[] = {
      {Rule::kLatest, 2, 1, "mine"},
      {Rule::kLatest, 1, 2, "theirs"},
      {Rule::kLatest, 1, 1, "theirs"},
      {Rule::kLatest, 0, -1, "mine"},
      {Rule::kLatest, -2, -1, "theirs"},
      {Rule::kLatest, INT64_MAX, INT64_MIN, "mine"},
      {Rule::kLatest, INT64_MIN, INT64_MAX, "theirs"},
      {Rule::kHub, 2, 1, "theirs"},
      {Rule::kHub, 1, 2, "theirs"},
      {Rule::kDevice, 1, 2, "mine"},
      {Rule::kDevice, 2, 1, "mine"},
      {Rule::kAsk, 2, 1, "theirs"},
      {Rule::kAsk, 1, 2, "theirs"},
  };
  for (const Case& c : cases) {
    const auto outcome =
        reconcile(c.rule, Kind::kText, {true, null(), text("mine"), text("theirs"), c.mine_at, c.theirs_at});
    EXPECT_EQ(outcome.result, Value(text(c.winner))) << text_of({c.rule, ""}) << ", mine at " << c.mine_at;
    EXPECT_FALSE(outcome.lossless);
    EXPECT_EQ(outcome.problem, "");
  }
}

struct Case {
  Kind kind;
  Sides sides;
  ValueView result;
  bool lossless;
  const char* problem;
};

void expect_all(Rule rule, std::span<const Case> cases) {
  for (const Case& c : cases) {
    SCOPED_TRACE(std::string(text_of({rule, ""})) + " of " + std::string(name_of(c.kind)) + ", base " +
                 shown(c.sides.base) + ", mine " + shown(c.sides.mine) + ", theirs " + shown(c.sides.theirs));
    const Outcome outcome = reconcile(rule, c.kind, c.sides);
    EXPECT_EQ(shown(outcome.result.view()), shown(c.result));
    EXPECT_EQ(outcome.result.view(), c.result);
    EXPECT_EQ(outcome.lossless, c.lossless);
    EXPECT_EQ(outcome.problem, c.problem);
  }
}

TEST(Reconcile, SumAddsBothChanges) {
  const Case cases[] = {
      {Kind::kInteger, sides(integer(10), integer(7), integer(9)), integer(6), true, ""},
      {Kind::kBigint, sides(integer(10), integer(10), integer(9)), integer(9), true, ""},
      {Kind::kSmallint, sides(integer(10), integer(9), integer(9)), integer(8), true, ""},
      {Kind::kBigint, sides(integer(INT64_MIN), integer(INT64_MAX), integer(INT64_MIN)), integer(INT64_MAX), true, ""},
      {Kind::kInteger, without_base(integer(3), integer(4)), integer(7), true, ""},
      {Kind::kDouble, sides(real(1.5), real(2), real(1)), real(1.5), true, ""},
      {Kind::kReal, sides(integer(1), real(2.5), integer(4)), real(5.5), true, ""},
      {Kind::kNumeric, sides(text("10.00"), text("9.5"), text("12.25")), text("11.75"), true, ""},
      {Kind::kNumeric, sides(integer(1), text("0.5"), real(2.25)), text("1.75"), true, ""},
      {Kind::kNumeric, without_base(text("0.10"), text("0.2")), text("0.30"), true, ""},
      {Kind::kNumeric, sides(text("0"), text("99999999999999999999.99"), text("0.01")),
       text("100000000000000000000.00"), true, ""},
  };
  expect_all(Rule::kSum, cases);
}

TEST(Reconcile, WhatHasNoSumIsDecidedByTheClock) {
  const Case cases[] = {
      {Kind::kBigint, sides(integer(0), integer(1), integer(INT64_MAX)), integer(INT64_MAX), false,
       "sum: the result is out of range"},
      {Kind::kSmallint, sides(integer(0), integer(32767), integer(1), 6), integer(32767), false,
       "sum: the result is out of range"},
      {Kind::kInteger, sides(null(), integer(1), integer(2)), integer(2), false, "sum: the base is NULL"},
      {Kind::kInteger, sides(integer(0), null(), integer(2), 6), null(), false, "sum: mine is NULL"},
      {Kind::kInteger, sides(integer(0), integer(1), null()), null(), false, "sum: theirs is NULL"},
      {Kind::kInteger, without_base(null(), integer(2)), integer(2), false, "sum: mine is NULL"},
      {Kind::kInteger, sides(integer(0), text("x"), integer(2)), integer(2), false, "sum: mine is no finite integer"},
      {Kind::kInteger, sides(integer(0), real(1.5), integer(2)), integer(2), false, "sum: mine is no finite integer"},
      {Kind::kDouble, sides(real(0), real(1), real(kInfinity)), real(kInfinity), false,
       "sum: theirs is no finite double precision"},
      {Kind::kDouble, sides(real(0), text("NaN"), real(1), 6), text("NaN"), false,
       "sum: mine is no finite double precision"},
      {Kind::kDouble, sides(real(0), real(kGreatest), real(kGreatest)), real(kGreatest), false,
       "sum: the result is out of range"},
      {Kind::kReal, sides(real(0), real(3e38), real(3e38)), real(3e38), false, "sum: the result is out of range"},
      {Kind::kNumeric, sides(text("0"), text("1"), text("NaN")), text("NaN"), false,
       "sum: theirs is no finite numeric"},
      {Kind::kText, sides(text("0"), text("1"), text("2")), text("2"), false, "sum: the base is no finite text"},
  };
  expect_all(Rule::kSum, cases);
}

TEST(Reconcile, MaxTakesTheGreaterAndMinTheSmaller) {
  const Case greater[] = {
      {Kind::kInteger, sides(integer(0), integer(3), integer(2)), integer(3), false, ""},
      {Kind::kInteger, sides(integer(0), integer(2), integer(3), 6), integer(3), false, ""},
      {Kind::kInteger, sides(integer(0), null(), integer(-3), 6), integer(-3), false, ""},
      {Kind::kInteger, sides(integer(0), integer(-3), null()), integer(-3), false, ""},
      {Kind::kInteger, sides(integer(0), null(), null()), null(), true, ""},
      {Kind::kNumeric, without_base(text("12.5"), text("12.50")), text("12.50"), true, ""},
      {Kind::kDouble, sides(null(), text("NaN"), real(kInfinity)), text("NaN"), false, ""},
      {Kind::kTimestamptz, without_base(text("2026-11-21 09:30:00.000000+00"), text("2026-11-21 09:29:00.000000+00")),
       text("2026-11-21 09:30:00.000000+00"), false, ""},
      {Kind::kInteger, sides(integer(0), text("x"), integer(2)), integer(2), false,
       "max: the values are not both of kind integer"},
  };
  expect_all(Rule::kMax, greater);
  const Case smaller[] = {
      {Kind::kInteger, sides(integer(0), integer(3), integer(2)), integer(2), false, ""},
      {Kind::kInteger, sides(integer(0), integer(2), integer(3)), integer(2), false, ""},
      {Kind::kInteger, sides(integer(0), integer(2), null()), integer(2), false, ""},
      {Kind::kText, sides(null(), text("b"), text("a"), 6), text("a"), false, ""},
      {Kind::kJson, sides(null(), text("1"), text("2"), 6), text("1"), false,
       "min: the values are not both of kind json"},
  };
  expect_all(Rule::kMin, smaller);
}

TEST(Reconcile, JsonMergesByKey) {
  const Case cases[] = {
      {Kind::kJsonb, sides(text(R"({"a":1,"b":1})"), text(R"({"a":2,"b":1})"), text(R"({"a":1,"b":2})")),
       text(R"({"a":2,"b":2})"), true, ""},
      {Kind::kJson, without_base(text(R"({"a":2})"), text(R"({"b":2})")), text(R"({"b":2,"a":2})"), true, ""},
      {Kind::kText, sides(null(), text(R"({"a":2})"), text(R"({"b":2})")), text(R"({"b":2,"a":2})"), true, ""},
      {Kind::kJsonb,
       sides(text(R"({"price":1,"tags":[],"n":0})"), text(R"({"price":2,"tags":[1],"n":1})"),
             text(R"({"price":3,"tags":[2],"n":0})")),
       text(R"({"price":3,"tags":[2],"n":1})"), false, "clash at /price, /tags"},
      {Kind::kJsonb, sides(text(R"({"a":1})"), text(R"({"a":2})"), text(R"({"a":3})"), 6), text(R"({"a":2})"), false,
       "clash at /a"},
      {Kind::kJsonb, sides(text("1"), text("2"), text("3")), text("3"), false, "clash of the whole documents"},
      {Kind::kJsonb, sides(text("{}"), text("{"), text("{}")), text("{}"), false, "json: mine is no JSON"},
      {Kind::kJsonb, sides(text("x"), text("{}"), text("1"), 6), text("{}"), false, "json: the base is no JSON"},
      {Kind::kJsonb, sides(text("{}"), text("{}"), null(), 6), text("{}"), false, "json: theirs is NULL"},
      {Kind::kJsonb, sides(text("{}"), integer(1), text("{}")), text("{}"), false, "json: mine is no text"},
  };
  expect_all(Rule::kJson, cases);
}

TEST(Reconcile, ManyClashesAreNotAllNamed) {
  std::string mine = "{";
  std::string theirs = "{";
  for (char key = 'a'; key < 'a' + 12; ++key) {
    mine += std::string(key == 'a' ? "" : ",") + '"' + key + "\":1";
    theirs += std::string(key == 'a' ? "" : ",") + '"' + key + "\":2";
  }
  const auto outcome = reconcile(Rule::kJson, Kind::kJsonb, without_base(text(mine + "}"), text(theirs + "}")));
  EXPECT_EQ(outcome.problem, "clash at /a, /b, /c, /d, /e, /f, /g, /h, /i, /j and 2 more");
}

TEST(Reconcile, TextMergesByLine) {
  const Case cases[] = {
      {Kind::kText, sides(text("a\nb\n"), text("A\nb\n"), text("a\nB\n")), text("A\nB\n"), true, ""},
      {Kind::kText, sides(text("a\nb\n"), text("A\nb\n"), text("X\nb\n")), text("X\nb\n"), false, "1 clash"},
      {Kind::kText, sides(text("a\nb\nc\n"), text("1\nb\n2\n"), text("3\nb\n4\n"), 6), text("1\nb\n2\n"), false,
       "2 clashes"},
      {Kind::kText, without_base(text("a"), text("b"), 6), text("a"), false, "text: there is no common base"},
      {Kind::kText, sides(null(), text("a"), text("b")), text("b"), false, "text: the base is NULL"},
      {Kind::kText, sides(text("a"), integer(1), text("b")), text("b"), false, "text: mine is no text"},
  };
  expect_all(Rule::kText, cases);
}

TEST(Reconcile, AnExpressionIsNotEvaluatedHere) {
  const Case cases[] = {
      {Kind::kText, sides(text("a"), text("b"), text("c")), text("c"), false, "an expression needs a database"}};
  expect_all(Rule::kExpression, cases);
}

TEST(Reconcile, RandomValuesAreHarmless) {
  const std::uint32_t seed = random_seed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (int i = 0; i < 20'000; ++i) {
    std::string texts[3];
    ValueView values[3];
    for (int j = 0; j < 3; ++j) {
      texts[j] = random_text(random, 8, "01-.e\n\"{}[]:,aN\xff");
      const ValueView choices[] = {null(),
                                   integer(static_cast<std::int64_t>(random()) << 32),
                                   real(std::ldexp(1.0, static_cast<int>(pick(random, 1024)))),
                                   text(texts[j]),
                                   text(texts[j]),
                                   ValueView::blob(texts[j])};
      values[j] = choices[pick(random, std::size(choices))];
    }
    const Sides all = {pick(random, 2) == 0, values[0], values[1], values[2], 0, 0};
    for (const Kind kind :
         {Kind::kSmallint, Kind::kBigint, Kind::kReal, Kind::kDouble, Kind::kNumeric, Kind::kText, Kind::kUuid,
          Kind::kBoolean, Kind::kTime, Kind::kTimestamptz, Kind::kJson, Kind::kJsonb, Kind::kArray}) {
      for (int rule = 0; rule <= static_cast<int>(Rule::kExpression); ++rule) {
        const Outcome outcome = reconcile(static_cast<Rule>(rule), kind, all);
        if (outcome.lossless) EXPECT_EQ(outcome.problem, "");
      }
      fits(kind, values[0]);
      EXPECT_TRUE(same_meaning(kind, values[1], values[1]));
      EXPECT_EQ(same_meaning(kind, values[1], values[2]), same_meaning(kind, values[2], values[1]));
    }
  }
}

TEST(Reconcile, TheDifferenceIsWhatASumTravelsAs) {
  struct {
    Kind kind;
    ValueView mine;
    ValueView base;
    std::optional<ValueView> difference;
  } const cases[] = {
      {Kind::kInteger, integer(7), integer(10), integer(-3)},
      {Kind::kSmallint, integer(32767), integer(-32768), integer(65535)},
      {Kind::kBigint, integer(INT64_MAX), integer(0), integer(INT64_MAX)},
      {Kind::kBigint, integer(INT64_MIN), integer(1), {}},
      {Kind::kInteger, integer(7), null(), {}},
      {Kind::kInteger, null(), integer(7), {}},
      {Kind::kInteger, text("x"), integer(7), {}},
      {Kind::kDouble, real(2.5), real(1), real(1.5)},
      {Kind::kDouble, real(kInfinity), real(1), {}},
      {Kind::kDouble, real(kGreatest), real(-kGreatest), {}},
      {Kind::kDouble, text("NaN"), real(1), {}},
      {Kind::kNumeric, text("12.5"), text("10.00"), text("2.50")},
      {Kind::kNumeric, text("NaN"), text("10.00"), {}},
      {Kind::kText, text("1"), text("1"), {}},
  };
  for (const auto& c : cases) {
    const auto difference_found = difference(c.kind, c.mine, c.base);
    ASSERT_EQ(difference_found.has_value(), c.difference.has_value()) << name_of(c.kind) << ' ' << shown(c.mine);
    if (c.difference) EXPECT_EQ(shown(difference_found->view()), shown(*c.difference)) << name_of(c.kind);
  }
}

}  // namespace
}  // namespace tidemark
