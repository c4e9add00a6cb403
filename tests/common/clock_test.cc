// When writes were made, by a clock that was wrong or set meanwhile.
#include "common/clock.h"

#include <gtest/gtest.h>

#include <vector>

namespace tidemark {
namespace {

constexpr std::int64_t kHour = 3'600'000;
constexpr std::int64_t kYears = 3 * 365 * 24 * kHour;
constexpr std::int64_t kHeard = 1'700'000'000'000;  // the hub was heard then, and ten hours later
constexpr std::int64_t kNow = kHeard + 10 * kHour;

using Times = std::vector<std::int64_t>;

TEST(Clock, WhenWritesWereMade) {
  struct Case {
    const char* name;
    Clocks clocks;
    Times told;  // by the device's clock
    Times made;  // by the hub's
  };
  const Case cases[] = {
      {"nothing", {kHeard, kNow, 0, 0}, {}, {}},
      {"a right clock", {kHeard, kNow, 0, 0}, {kHeard + kHour, kNow}, {kHeard + kHour, kNow}},
      {"always three years ahead",
       {kHeard, kNow, -kYears, -kYears},
       {kHeard + kHour + kYears, kHeard + 2 * kHour + kYears},
       {kHeard + kHour, kHeard + 2 * kHour}},
      {"set three years ahead between two writes",
       {kHeard, kNow, 0, -kYears},
       {kHeard + kHour, kHeard + 2 * kHour + kYears},
       {kHeard + kHour, kHeard + 2 * kHour}},
      {"set three years back between two writes",
       {kHeard, kNow, 0, kYears},
       {kHeard + kHour, kHeard + 2 * kHour - kYears},
       {kHeard + kHour, kHeard + 2 * kHour}},
      {"set by less than the time since: the later of the two",
       {kHeard, kNow, 0, kHour},
       {kHeard + 2 * kHour},
       {kHeard + 3 * kHour}},
      {"ahead for a while: before the next that is known",
       {kHeard, kNow, 0, 0},
       {kHeard + kHour, kHeard + 2 * kHour + kYears, kHeard + 3 * kHour + kYears, kHeard + 4 * kHour},
       {kHeard + kHour, kHeard + 4 * kHour, kHeard + 4 * kHour, kHeard + 4 * kHour}},
      {"ahead for a while, nothing after it: now", {kHeard, kNow, 0, 0}, {kHeard + kHour + kYears}, {kNow}},
      {"behind for a while: after the one before",
       {kHeard, kNow, 0, 0},
       {kHeard + kHour, kHeard + 2 * kHour - kYears, kHeard + 4 * kHour},
       {kHeard + kHour, kHeard + kHour, kHeard + 4 * kHour}},
      {"behind for a while, nothing before it: the answer before",
       {kHeard, kNow, 0, 0},
       {kHeard + kHour - kYears},
       {kHeard}},
      {"ahead, then behind, then set right",
       {kHeard, kNow, 0, 0},
       {kHeard + kHour + kYears, kHeard + 2 * kHour - kYears, kHeard + 3 * kHour},
       {kHeard + 3 * kHour, kHeard + 3 * kHour, kHeard + 3 * kHour}},
      {"never heard of the hub", {std::nullopt, kNow, 0, 0}, {kHeard - kYears, kNow + kYears}, {kHeard - kYears, kNow}},
      {"the hub's clock was set back", {kNow, kHeard, 0, 0}, {kHeard - kHour, kNow}, {kHeard - kHour, kHeard}},
      {"seconds are no jump", {kHeard, kNow, 0, 0}, {kHeard - 4000, kNow + 4000}, {kHeard - 4000, kNow}},
  };
  for (const Case& c : cases) {
    Times made = times_made(c.told, c.clocks);
    for (std::int64_t& time : made) time += c.clocks.offset_ms;
    EXPECT_EQ(made, c.made) << c.name;
  }
}

}  // namespace
}  // namespace tidemark
