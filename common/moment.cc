#include "common/moment.h"

#include <limits>

namespace tidemark {
namespace {

constexpr std::int64_t kMicrosInSecond = 1'000'000;
constexpr std::int64_t kMicrosInMinute = 60 * kMicrosInSecond;
constexpr std::int64_t kMicrosInDay = kMicrosInMinute * 60 * 24;

// PostgreSQL's bounds.
constexpr std::int64_t kFirstDay = -2'440'588;  // 4714-11-24 BC
constexpr int kLastYearOfDates = 5'874'897;
constexpr int kLastYearOfTimestamps = 294'276;

// Takes what it is asked for off the front of a text.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  bool take(std::string_view text) {
    if (!rest_.starts_with(text)) return false;
    rest_.remove_prefix(text.size());
    return true;
  }

  // A number of `least` to `most` digits.
  std::optional<int> number(std::size_t least, std::size_t most) {
    std::size_t digits = 0;
    int value = 0;
    for (; digits < most && digits < rest_.size() && rest_[digits] >= '0' && rest_[digits] <= '9'; ++digits) {
      value = value * 10 + (rest_[digits] - '0');
    }
    if (digits < least) return std::nullopt;
    rest_.remove_prefix(digits);
    return value;
  }

  bool at_digit() const { return !rest_.empty() && rest_[0] >= '0' && rest_[0] <= '9'; }
  std::size_t left() const { return rest_.size(); }

 private:
  std::string_view rest_;
};

struct CalendarDay {
  int year = 0;
  int month = 0;
  int day = 0;
};

int days_in(int month, std::int64_t year) {
  if (month == 2) return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28;
  return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

// Since 1970-01-01 in the proleptic Gregorian calendar; the year before 1 is 0. After
// Howard Hinnant, "chrono-compatible low-level date algorithms": years begin in March.
std::int64_t days_since_epoch(std::int64_t year, int month, int day) {
  if (month <= 2) --year;
  const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
  const std::int64_t year_of_era = year - era * 400;
  const std::int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  const std::int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146'097 + day_of_era - 719'468;
}

std::optional<CalendarDay> scan_date(Scanner& text) {
  const auto year = text.number(4, 7);
  if (!year || !text.take("-")) return std::nullopt;
  const auto month = text.number(2, 2);
  if (!month || !text.take("-")) return std::nullopt;
  const auto day = text.number(2, 2);
  if (!day) return std::nullopt;
  return CalendarDay{*year, *month, *day};
}

std::optional<std::int64_t> day_of(const CalendarDay& date, bool before_christ, int last_year) {
  if (date.year < 1 || date.year > last_year || date.month < 1 || date.month > 12) return std::nullopt;
  const std::int64_t year = before_christ ? 1 - date.year : date.year;
  if (date.day < 1 || date.day > days_in(date.month, year)) return std::nullopt;
  const std::int64_t day = days_since_epoch(year, date.month, date.day);
  if (day < kFirstDay) return std::nullopt;
  return day;
}

// 09:30, 09:30:00 or 09:30:00.000000; 24:00 is the end of the day.
std::optional<std::int64_t> scan_time(Scanner& text) {
  const auto hour = text.number(2, 2);
  if (!hour || !text.take(":")) return std::nullopt;
  const auto minute = text.number(2, 2);
  if (!minute || *minute > 59) return std::nullopt;
  std::int64_t micros = (*hour * 60 + *minute) * kMicrosInMinute;
  if (text.take(":")) {
    const auto second = text.number(2, 2);
    if (!second || *second > 59) return std::nullopt;
    micros += *second * kMicrosInSecond;
    if (text.take(".")) {
      const std::size_t before = text.left();
      const auto fraction = text.number(1, 6);
      if (!fraction) return std::nullopt;
      std::int64_t scaled = *fraction;
      for (std::size_t digits = before - text.left(); digits < 6; ++digits) scaled *= 10;
      micros += scaled;
    }
  }
  if (micros > kMicrosInDay) return std::nullopt;
  return micros;
}

// Z, +02, +02:30, -0330, or nothing; what is to be taken off to come to UTC.
std::optional<std::int64_t> scan_offset(Scanner& text) {
  if (text.take("Z")) return 0;
  const bool west = text.take("-");
  if (!west && !text.take("+")) return 0;
  const auto hours = text.number(2, 2);
  if (!hours || *hours > 15) return std::nullopt;
  std::optional<int> minutes = 0;
  if (text.take(":") || text.at_digit()) minutes = text.number(2, 2);
  if (!minutes || *minutes > 59) return std::nullopt;
  const std::int64_t offset = (*hours * 60 + *minutes) * kMicrosInMinute;
  return west ? -offset : offset;
}

std::optional<Moment> date_from(Scanner text) {
  const auto date = scan_date(text);
  if (!date) return std::nullopt;
  const auto day = day_of(*date, text.take(" BC"), kLastYearOfDates);
  if (!day || text.left() > 0) return std::nullopt;
  return Moment{*day, 0};
}

std::optional<Moment> time_from(Scanner text) {
  const auto micros = scan_time(text);
  if (!micros || text.left() > 0) return std::nullopt;
  return Moment{0, *micros};
}

std::optional<Moment> timestamp_from(Scanner text, bool with_offset) {
  const auto date = scan_date(text);
  if (!date || !(text.take(" ") || text.take("T"))) return std::nullopt;
  const auto micros = scan_time(text);
  if (!micros) return std::nullopt;
  const auto offset = with_offset ? scan_offset(text) : 0;
  if (!offset) return std::nullopt;
  const auto day = day_of(*date, text.take(" BC"), kLastYearOfTimestamps);
  if (!day || text.left() > 0) return std::nullopt;

  Moment moment{*day, *micros - *offset};
  for (; moment.micros < 0; --moment.day) moment.micros += kMicrosInDay;
  for (; moment.micros >= kMicrosInDay; ++moment.day) moment.micros -= kMicrosInDay;
  return moment;
}

}  // namespace

std::optional<Moment> moment_from(Kind kind, std::string_view text) {
  using Days = std::numeric_limits<std::int64_t>;
  if (kind != Kind::kTime && text == "infinity") return Moment{Days::max(), 0};
  if (kind != Kind::kTime && text == "-infinity") return Moment{Days::min(), 0};
  switch (kind) {
    case Kind::kDate: return date_from(Scanner(text));
    case Kind::kTime: return time_from(Scanner(text));
    case Kind::kTimestamp: return timestamp_from(Scanner(text), false);
    case Kind::kTimestamptz: return timestamp_from(Scanner(text), true);
    default: return std::nullopt;
  }
}

}  // namespace tidemark
