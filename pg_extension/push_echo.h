// What the hub made of pushed rows, where the log would not say so.
#pragma once

#include "pg_extension/push_apply.h"
#include "pg_extension/push_body.h"

namespace tidemark::pg {

// Logs the actual value of what was pushed but is not so, and was not captured:
// a BEFORE trigger altered or suppressed it, or the hub writes the same value in
// another form ("12.5" for "12.50"). The device reads it with its own commit.
// Throws Error{kAhead} if an update's row is not there and this push has not
// deleted it. After check_overlap(), so nobody else has either.
// True if there was nothing to look at.
bool log_echoes(PushBody& body, const PushJournal& journal);

}  // namespace tidemark::pg
