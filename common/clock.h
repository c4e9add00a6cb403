// When a device's writes were made, by the hub's clock: the device's own may have been
// wrong, or set, since it last heard from the hub.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace tidemark {

// What is known when an answer of the hub tells the time. Offsets are the hub's clock
// less the device's, in ms; times are ms since 1970.
struct Clocks {
  std::optional<std::int64_t> heard_ms;  // the answer before, by the hub's clock
  std::int64_t now_ms = 0;               // this answer
  std::int64_t before_ms = 0;            // the offset then
  std::int64_t offset_ms = 0;            // the offset now
};

// By how much an offset may be wrong before the clock counts as set.
constexpr std::int64_t kClockJumpMs = 5000;

// The times of writes made since the answer before, in their order, as the device's clock
// told them; returned in the same clock, so that `offset_ms` is to be added to each. One
// that cannot be right by the offset now is read by the offset then; one that cannot be
// right by either was made under a clock that was wrong in between. Of it is known only
// between which others it was made: one from the future gets the time of the next (or
// now), one from the past that of the one before (or of the answer before).
std::vector<std::int64_t> times_made(std::span<const std::int64_t> told_ms, const Clocks& clocks);

}  // namespace tidemark
