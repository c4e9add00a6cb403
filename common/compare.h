// The order of two values of a column, as PostgreSQL has it: what the greater and the
// smaller of them is.
#pragma once

#include <compare>
#include <optional>

#include "common/kind.h"
#include "common/value.h"

namespace tidemark {

// Numbers by their value, NaN the greatest and equal to itself; text by its bytes; false
// before true; uuids (texts or blobs) by their bytes; dates and times by the moment.
// nullopt for kinds without an order, NULL, and values that are not of the kind.
std::optional<std::weak_ordering> compare_values(Kind kind, const ValueView& a, const ValueView& b);

}  // namespace tidemark
