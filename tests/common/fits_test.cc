// Which values the hub's column would take.
#include <gtest/gtest.h>

#include <limits>

#include "common/reconcile.h"

namespace tidemark {
namespace {

using namespace std::string_view_literals;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

ValueView integer(std::int64_t value) { return ValueView::of(value); }
ValueView real(double value) { return ValueView::of(value); }
ValueView text(std::string_view value) { return ValueView::text(value); }

const ValueView kBlob = ValueView::blob("0123456789abcdef");

struct Case {
  Kind kind;
  std::vector<ValueView> good;
  std::vector<ValueView> bad;
};

const Case kCases[] = {
    {Kind::kSmallint,
     {integer(-32768), integer(32767), real(5), text("7"), text("-7"), text("+7")},
     {integer(-32769), integer(32768), real(5.5), text("7.0"), text(""), text("seven"), kBlob}},
    {Kind::kInteger, {integer(-2147483648), integer(2147483647)}, {integer(-2147483649), integer(2147483648)}},
    {Kind::kBigint,
     {integer(INT64_MIN), text("9223372036854775807"), real(-1e14)},
     {text("9223372036854775808"), real(1e15), real(kInfinity)}},
    {Kind::kReal,
     {integer(1), real(0.1), real(3.4028235e38), real(1e-45), real(0), real(kInfinity), text("NaN"), text("1.5")},
     {real(3.5e38), real(1e-46), text("1e39"), text("nan"), text("x"), kBlob}},
    {Kind::kDouble,
     {integer(1), real(1e308), text("-Infinity"), text("1e5")},
     {text("1e400"), text(""), text("inf"), kBlob}},
    {Kind::kNumeric,
     {integer(1), real(0.1), text("12.50"), text("1e5"), text("NaN"), text("Infinity"), text("-Infinity")},
     {text("1e999999"), text("12,5"), text(""), kBlob}},
    {Kind::kBoolean, {integer(0), integer(1)}, {integer(2), real(1), text("true"), kBlob}},
    {Kind::kUuid,
     {text("018ff383-3e37-7615-b764-c241f544e573"), text("018FF383-3E37-7615-B764-C241F544E573"), kBlob},
     {text("018ff383"), text(""), integer(1), ValueView::blob("short")}},
    {Kind::kBytea, {kBlob, ValueView::blob("")}, {text("a"), integer(1)}},
    {Kind::kDate,
     {text("2026-11-21"), text("0044-03-15 BC"), text("infinity")},
     {text("2026-02-30"), text("today"), integer(1)}},
    {Kind::kTime, {text("09:30:00.000000")}, {text("25:00"), text("infinity")}},
    {Kind::kTimestamp, {text("2026-11-21 09:30:00.000000")}, {text("2026-11-21"), real(1)}},
    {Kind::kTimestamptz,
     {text("2026-11-21 09:30:00.000000+00"), text("2026-11-21T09:30:00Z")},
     {text("now"), integer(1)}},
    {Kind::kJson, {text("{}"), text("1e400"), text(R"("\u0000")")}, {text("{"), text(""), integer(1), kBlob}},
    {Kind::kJsonb, {text("{}"), text("[1, 2]")}, {text("{"), text(R"("\u0000")"), text("\"\xff\"")}},
    {Kind::kText, {text(""), text("Käse")}, {text("a\0b"sv), text("\xff"), text("\xed\xa0\x80"), integer(1), kBlob}},
    {Kind::kEnum, {text("open")}, {text("\xc3"), integer(1)}},
    {Kind::kArray, {text("{1,2}")}, {kBlob}},
    {Kind::kInterval, {text("1 day")}, {text("\0"sv)}},
};

TEST(Fits, TakesWhatPostgresTakes) {
  for (const Case& c : kCases) {
    EXPECT_TRUE(fits(c.kind, ValueView::null())) << name_of(c.kind);
    for (std::size_t i = 0; i < c.good.size(); ++i)
      EXPECT_TRUE(fits(c.kind, c.good[i])) << name_of(c.kind) << ", good " << i;
    for (std::size_t i = 0; i < c.bad.size(); ++i)
      EXPECT_FALSE(fits(c.kind, c.bad[i])) << name_of(c.kind) << ", bad " << i;
  }
}

}  // namespace
}  // namespace tidemark
