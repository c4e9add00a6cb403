// The order of values as PostgreSQL has it: every list rises, and every pair of it is compared.
#include "common/compare.h"

#include <gtest/gtest.h>

#include <limits>

#include "common/moment.h"
#include "tests/common/random_seed.h"

namespace tidemark {
namespace {

using namespace std::string_view_literals;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

ValueView integer(std::int64_t value) { return ValueView::of(value); }
ValueView real(double value) { return ValueView::of(value); }
ValueView text(std::string_view value) { return ValueView::text(value); }

struct Rising {
  Kind kind;
  std::vector<ValueView> values;
};

const Rising kRising[] = {
    {Kind::kBigint,
     {integer(INT64_MIN), integer(-1), text("0"), real(1), text("+2"), integer(9007199254740992),
      integer(9007199254740993), integer(INT64_MAX)}},
    {Kind::kSmallint, {integer(-32768), integer(32767)}},
    {Kind::kDouble,
     {real(-kInfinity), real(-1e300), real(-0.5), integer(0), text("0.25"), real(1), real(kInfinity), text("NaN")}},
    {Kind::kReal, {text("-Infinity"), real(0), text("Infinity"), text("NaN")}},
    {Kind::kNumeric,
     {text("-Infinity"), text("-1e20"), text("-0.1"), integer(0), text("0.10"), real(0.25), integer(1),
      text("123456789012345678901234567890.1"), text("123456789012345678901234567890.11"), text("Infinity"),
      text("NaN")}},
    {Kind::kText, {text(""), text("A"), text("B"), text("a"), text("a\0"sv), text("ab"), text("é"), text("緑")}},
    {Kind::kBoolean, {integer(0), integer(1)}},
    {Kind::kUuid,
     {ValueView::blob("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1"sv), text("018ff383-3e37-7615-b764-c241f544e573"),
      text("018FF383-3E37-7615-B764-C241F544E574"), text("ffffffff-ffff-ffff-ffff-ffffffffffff")}},
    {Kind::kDate,
     {text("-infinity"), text("4714-11-24 BC"), text("0044-03-15 BC"), text("0044-03-16 BC"), text("0001-12-31 BC"),
      text("0001-01-01"), text("1969-12-31"), text("2026-02-28"), text("2026-11-21"), text("9999-12-31"),
      text("10000-01-01"), text("5874897-12-31"), text("infinity")}},
    {Kind::kTime,
     {text("00:00:00.000000"), text("00:00:00.000001"), text("09:30"), text("09:30:00.5"), text("09:30:00.500001"),
      text("23:59:59.999999"), text("24:00:00")}},
    {Kind::kTimestamp,
     {text("-infinity"), text("0044-03-15 12:00:00.000000 BC"), text("2026-11-21 09:30:00.000000"),
      text("2026-11-21T09:30:00.000001"), text("10000-01-01 00:00:00"), text("294276-12-31 23:59:59.999999"),
      text("infinity")}},
    {Kind::kTimestamptz,
     {text("-infinity"), text("0044-03-15 12:00:00.000000+00 BC"), text("2026-11-21 09:30:00.000000+00"),
      text("2026-11-21 10:30:00.000001+01"), text("2026-11-21 09:30:01Z"), text("2026-11-20 22:00:02-11:30"),
      text("2026-11-21 09:30:03"), text("2026-11-21 12:00:04+0230"), text("infinity")}},
};

TEST(Compare, OrdersValuesAsPostgresDoes) {
  for (const auto& [kind, values] : kRising) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      for (std::size_t j = 0; j < values.size(); ++j) {
        const auto order = compare_values(kind, values[i], values[j]);
        ASSERT_TRUE(order) << name_of(kind) << ", places " << i << " and " << j;
        EXPECT_EQ(*order, i <=> j) << name_of(kind) << ", places " << i << " and " << j;
      }
    }
  }
}

TEST(Compare, EqualIsWhatMeansTheSame) {
  struct Case {
    Kind kind;
    ValueView a;
    ValueView b;
  };
  const Case cases[] = {
      {Kind::kNumeric, text("12.5"), text("12.50")},
      {Kind::kNumeric, text("NaN"), text("NaN")},
      {Kind::kDouble, real(0.0), real(-0.0)},
      {Kind::kDouble, text("NaN"), text("NaN")},
      {Kind::kInteger, integer(5), text("5")},
      {Kind::kTimestamptz, text("2026-11-21 00:30:00+01"), text("2026-11-20 23:30:00.000000+00")},
      {Kind::kTime, text("09:30"), text("09:30:00.000000")},
      {Kind::kUuid, text("61616161-6161-6161-6161-616161616161"), ValueView::blob("aaaaaaaaaaaaaaaa")},
  };
  for (const Case& c : cases)
    EXPECT_EQ(compare_values(c.kind, c.a, c.b), std::weak_ordering::equivalent) << name_of(c.kind);
}

TEST(Compare, RefusesWhatIsNotOfTheKind) {
  struct Case {
    Kind kind;
    ValueView good;
    std::vector<ValueView> bad;
  };
  const Case cases[] = {
      {Kind::kInteger,
       integer(1),
       {ValueView::null(), real(1.5), real(1e300), text(""), text("1.0"), text("1 "), text("x"), text("+-1"),
        integer(2147483648), ValueView::blob("1")}},
      {Kind::kDouble,
       real(1),
       {ValueView::null(), text("nan"), text("inf"), text("1e400"), text("0x1"), ValueView::blob("1")}},
      {Kind::kNumeric, integer(1), {ValueView::null(), text("nan"), text("1,5"), ValueView::blob("1")}},
      {Kind::kText, text("a"), {ValueView::null(), integer(1), ValueView::blob("a")}},
      {Kind::kBoolean, integer(1), {ValueView::null(), integer(2), integer(-1), text("true"), real(1)}},
      {Kind::kUuid,
       text("018ff383-3e37-7615-b764-c241f544e573"),
       {text("018ff3833e377615b764c241f544e573"), text("018ff383-3e37-7615-b764-c241f544e57"), ValueView::blob("123"),
        text("018ff383-3e37-7615-b764-c241f544e57g"), text("018ff383-3e37-7615-b764_c241f544e573")}},
      {Kind::kDate,
       text("2026-11-21"),
       {text(""), text("2026-11-31"), text("2026-02-29"), text("2026-13-01"), text("2026-00-01"), text("2026-01-00"),
        text("0000-01-01"), text("26-01-01"), text("2026-1-1"), text("2026-11-21 "), text("4714-11-23 BC"),
        text("5874898-01-01"), text("2026-11-21 09:30:00"), text("Infinity"), integer(20261121)}},
      {Kind::kTime,
       text("09:30"),
       {text("9:30"), text("24:00:00.000001"), text("09:60"), text("09:30:60"), text("09:30:00."),
        text("09:30:00.1234567"), text("infinity"), text("09:30+00")}},
      {Kind::kTimestamp,
       text("2026-11-21 09:30:00"),
       {text("2026-11-21"), text("2026-11-21 09:30:00+00"), text("2026-11-21  09:30"), text("294277-01-01 00:00:00")}},
      {Kind::kTimestamptz,
       text("2026-11-21 09:30:00+00"),
       {text("2026-11-21"), text("2026-11-21 09:30:00+0"), text("2026-11-21 09:30:00+00:"),
        text("2026-11-21 09:30:00+16"), text("2026-11-21 09:30:00+00 AD"), text("2026-11-21 09:30:00 UTC")}},
  };
  for (const Case& c : cases) {
    EXPECT_TRUE(compare_values(c.kind, c.good, c.good)) << name_of(c.kind);
    for (const ValueView& bad : c.bad) {
      EXPECT_FALSE(compare_values(c.kind, c.good, bad)) << name_of(c.kind) << " \"" << bad.bytes << '"';
      EXPECT_FALSE(compare_values(c.kind, bad, c.good)) << name_of(c.kind) << " \"" << bad.bytes << '"';
    }
  }
}

TEST(Compare, KindsWithoutAnOrderHaveNone) {
  for (const Kind kind : {Kind::kBytea, Kind::kInterval, Kind::kJson, Kind::kJsonb, Kind::kEnum, Kind::kArray}) {
    EXPECT_FALSE(compare_values(kind, text("1"), text("1"))) << name_of(kind);
  }
}

TEST(Moment, CountsDaysFromTheEpoch) {
  const std::pair<const char*, std::int64_t> cases[] = {
      {"1970-01-01", 0},          {"1969-12-31", -1},          {"2000-02-29", 11016},
      {"2000-03-01", 11017},      {"2026-11-21", 20778},       {"0001-01-01", -719162},
      {"0001-12-31 BC", -719163}, {"4714-11-24 BC", -2440588}, {"0001-02-29 BC", -719469},
  };
  for (const auto& [date, day] : cases) {
    const auto moment = moment_from(Kind::kDate, date);
    ASSERT_TRUE(moment) << date;
    EXPECT_EQ(moment->day, day) << date;
  }
}

TEST(Moment, RandomBytesAreHarmless) {
  const std::uint32_t seed = random_seed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (int i = 0; i < 50'000; ++i) {
    std::string date = "2026-11-21 09:30:00.000000+00 BC";
    date.resize(pick(random, date.size() + 1));
    for (int j = 0; j < 2 && !date.empty(); ++j)
      date[pick(random, date.size())] = "0123456789-: .+BCTZ\xff"[pick(random, 20)];
    for (const Kind kind : {Kind::kDate, Kind::kTime, Kind::kTimestamp, Kind::kTimestamptz}) moment_from(kind, date);
  }
}

}  // namespace
}  // namespace tidemark
