// Decides what becomes of a value that both sides have changed. Pure functions:
// the device finds the meetings and carries the decisions out.
#pragma once

#include <cstdint>
#include <string>

#include "common/kind.h"
#include "common/policy.h"
#include "common/value.h"

namespace tidemark {

// One column of one row, changed on both sides. Times are milliseconds on the hub's clock.
struct Sides {
  bool has_base = true;  // false: both inserted the row
  ValueView base;
  ValueView mine;
  ValueView theirs;
  std::int64_t mine_at_ms = 0;
  std::int64_t theirs_at_ms = 0;
};

struct Outcome {
  Value result;
  bool lossless = false;  // nothing of either side was lost: a sum, a merge without a clash
  std::string problem;    // why the policy could not be used, and `latest` decided; or which parts clashed
};

// Every rule but kExpression, which needs a database to be evaluated. A value that
// the rule cannot work on (a sum of what is no number, a merge of what is no JSON)
// is decided by `latest`, and `problem` says why. For kSum without a base both
// sides count from zero.
Outcome reconcile(Rule rule, Kind kind, const Sides& sides);

// Whether two values of a column mean the same although they are written
// differently: a numeric as 12.5 and 12.50. Such values are no conflict.
bool same_meaning(Kind kind, const ValueView& a, const ValueView& b);

// mine - base, as a push carries it for kSum (docs/protocol.md): an integer, a
// finite double or the text of a decimal. nullopt where there is no such number.
std::optional<Value> difference(Kind kind, const ValueView& mine, const ValueView& base);

// Whether the hub's column would take the value: what an expression says may be
// anything. NULL always fits.
bool fits(Kind kind, const ValueView& value);

}  // namespace tidemark
