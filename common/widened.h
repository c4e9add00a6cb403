// What a value becomes when the hub gives its column a wider type.
#pragma once

#include "common/kind.h"
#include "common/value.h"

namespace tidemark {

// Whether `after` is the same value as `before` in the form of another kind, which its column
// has now: nobody has changed it. Says so of an integer that is a text or a real now, of a real
// or a numeric that is a double, and of a date or a timestamp that has got a time or an offset,
// on a hub that counts in UTC. Any other pair is a change.
bool is_widened(Kind kind, const ValueView& before, const ValueView& after);

}  // namespace tidemark
