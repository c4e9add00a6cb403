#include "common/widened.h"

#include <string>

#include "common/moment.h"
#include "common/number.h"
#include "common/reconcile.h"

namespace tidemark {
namespace {

bool is_same_number(Kind kind, const ValueView& before, const ValueView& after) {
  const auto number = real_of(before);
  if (number && ValueView::of(*number) == after) return true;
  // A real is held by its shortest decimal, 0.1; as a double it has all its digits, 0.10000000149011612.
  const bool was_real = kind == Kind::kDouble && before.type == Type::kReal && fits(Kind::kReal, before);
  return was_real && ValueView::of(static_cast<double>(static_cast<float>(before.real))) == after;
}

bool is_same_moment(Kind kind, const ValueView& before, const ValueView& after) {
  if (before.type != Type::kText || after.type != Type::kText) return false;
  const auto is = moment_from(kind, after.bytes);
  const auto was = moment_from(kind, before.bytes);
  return is && is == (was ? was : moment_from(Kind::kDate, before.bytes));
}

}  // namespace

bool is_widened(Kind kind, const ValueView& before, const ValueView& after) {
  switch (kind) {
    // Only as the hub writes it: from 1 to '01' is a change.
    case Kind::kText: return before.type == Type::kInteger && after == ValueView::text(std::to_string(before.integer));
    case Kind::kReal:
    case Kind::kDouble: return is_same_number(kind, before, after);
    case Kind::kTimestamp:
    case Kind::kTimestamptz: return is_same_moment(kind, before, after);
    default: return false;
  }
}

}  // namespace tidemark
