// Which new forms of a value are no change of it.
#include "common/widened.h"

#include <gtest/gtest.h>

#include <cmath>

namespace tidemark {
namespace {

ValueView text(std::string_view value) { return ValueView::text(value); }
ValueView integer(std::int64_t value) { return ValueView::of(value); }
ValueView real(double value) { return ValueView::of(value); }

struct Widening {
  Kind kind;
  ValueView before;
  ValueView after;
  bool same;
};

const Widening kWidenings[] = {
    {Kind::kText, integer(1), text("1"), true},
    {Kind::kText, integer(INT64_MIN), text("-9223372036854775808"), true},
    {Kind::kText, integer(1), text("01"), false},
    {Kind::kText, integer(1), text("2"), false},
    {Kind::kText, integer(1), text("true"), false},
    {Kind::kText, text("1"), text("01"), false},
    {Kind::kText, ValueView::null(), text(""), false},
    {Kind::kDouble, integer(5), real(5), true},
    {Kind::kDouble, integer(5), real(6), false},
    {Kind::kReal, integer(5), real(5), true},
    {Kind::kDouble, text("7.50"), real(7.5), true},
    {Kind::kDouble, text("7.50"), real(7.25), false},
    {Kind::kDouble, real(0.1), real(0.10000000149011612), true},
    {Kind::kDouble, real(0.1), real(0.2), false},
    {Kind::kDouble, real(0.10000000149011612), real(0.1), false},
    {Kind::kDouble, real(1e-50), real(0), false},
    {Kind::kDouble, real(1e300), real(HUGE_VAL), false},
    {Kind::kReal, real(0.1), real(0.10000000149011612), false},
    {Kind::kTimestamp, text("2026-01-01"), text("2026-01-01 00:00:00.000000"), true},
    {Kind::kTimestamp, text("2026-01-01"), text("2026-01-01 10:00:00.000000"), false},
    {Kind::kTimestamptz, text("2026-01-01 10:00:00.000000"), text("2026-01-01 10:00:00.000000+00"), true},
    {Kind::kTimestamptz, text("2026-01-01"), text("2026-01-01 00:00:00.000000+00"), true},
    {Kind::kTimestamptz, text("2026-01-01 10:00:00.000000"), text("2026-01-01 09:00:00.000000+00"), false},
    {Kind::kTimestamptz, text("infinity"), text("infinity"), true},
    {Kind::kTimestamptz, text("tea"), text("coffee"), false},
    {Kind::kInteger, integer(1), integer(2), false},
    {Kind::kBoolean, integer(5), integer(1), false},
};

TEST(Widened, ANewFormOfTheSameValueIsNoChange) {
  for (const Widening& c : kWidenings) {
    EXPECT_EQ(is_widened(c.kind, c.before, c.after), c.same) << name_of(c.kind) << ", case " << (&c - kWidenings);
  }
}

}  // namespace
}  // namespace tidemark
