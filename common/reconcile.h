// Decides what becomes of a value that both sides have changed. Pure functions:
// the device finds the meetings and carries the decisions out.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "common/kind.h"
#include "common/value.h"

namespace tidemark {

// docs/reconciliation.md has the rules with examples.
enum class Policy {
  kLatest,  // the later write; a tie goes to the hub
  kHub,     // theirs
  kDevice,  // mine
};

std::string_view name_of(Policy policy);

enum class Winner { kMine, kTheirs };

// Which of two different values stays. Times are milliseconds on the hub's clock.
Winner reconcile(Policy policy, std::int64_t mine_at_ms, std::int64_t theirs_at_ms);

// Whether two values of a column mean the same although they are written
// differently: a numeric as 12.5 and 12.50. Such values are no conflict.
bool same_meaning(Kind kind, const ValueView& a, const ValueView& b);

}  // namespace tidemark
