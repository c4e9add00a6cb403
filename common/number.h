// What number a value is, as the hub's columns would read it.
#pragma once

#include <cstdint>
#include <optional>

#include "common/kind.h"
#include "common/value.h"

namespace tidemark {

// The integer that a value is for a smallint, integer or bigint: an INTEGER, a REAL
// without a fraction below 1e15, or a text of digits; nullopt beyond the kind's range.
std::optional<std::int64_t> integer_of(Kind kind, const ValueView& value);

// The double that a value is: a number, its text, or the text 'NaN', 'Infinity' or
// '-Infinity'. nullopt for anything else, also for texts beyond a double's range.
std::optional<double> real_of(const ValueView& value);

// What a text says about a numeric that is no decimal, in PostgreSQL's order.
enum class Extreme { kMinusInfinity, kNone, kInfinity, kNan };

Extreme extreme_of(const ValueView& value);

}  // namespace tidemark
