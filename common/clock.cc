#include "common/clock.h"

#include <algorithm>

namespace tidemark {
namespace {

// A hub whose own clock was set back since says nothing.
std::int64_t earliest(const Clocks& clocks) {
  const bool has_heard = clocks.heard_ms && *clocks.heard_ms <= clocks.now_ms;
  return has_heard ? *clocks.heard_ms : 0;
}

bool is_possible(std::int64_t hub_ms, const Clocks& clocks) {
  return hub_ms <= clocks.now_ms + kClockJumpMs && hub_ms >= earliest(clocks) - kClockJumpMs;
}

// By the hub's clock; nullopt if neither offset makes a possible time of it.
std::optional<std::int64_t> known_time(std::int64_t told_ms, const Clocks& clocks) {
  const std::int64_t by_now = told_ms + clocks.offset_ms;
  const std::int64_t by_then = told_ms + clocks.before_ms;
  if (!is_possible(by_then, clocks)) return is_possible(by_now, clocks) ? std::optional(by_now) : std::nullopt;
  return is_possible(by_now, clocks) ? std::max(by_now, by_then) : by_then;
}

}  // namespace

std::vector<std::int64_t> times_made(std::span<const std::int64_t> told_ms, const Clocks& clocks) {
  std::vector<std::optional<std::int64_t>> times;
  for (const std::int64_t told : told_ms) times.push_back(known_time(told, clocks));

  std::vector<std::int64_t> made(told_ms.size());
  std::int64_t next = clocks.now_ms;
  for (std::size_t i = times.size(); i-- > 0;) {
    const bool is_ahead = told_ms[i] + clocks.offset_ms > clocks.now_ms;
    if (times[i]) next = std::min(*times[i], clocks.now_ms);
    if (!times[i] && is_ahead) times[i] = next;
  }
  std::int64_t previous = earliest(clocks);
  for (std::size_t i = 0; i < times.size(); ++i) {
    if (times[i]) previous = *times[i];
    made[i] = std::min(times[i].value_or(previous), clocks.now_ms) - clocks.offset_ms;
  }
  return made;
}

}  // namespace tidemark
