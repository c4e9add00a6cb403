// Whether a push overlaps with what its device has not read.
#pragma once

#include "pg_extension/hub.h"
#include "pg_extension/push_body.h"

namespace tidemark::pg {

// Throws Error{kBehind} if an unread change, in the log or in the inbox, wrote a
// column that the push wrote in the same row, or if either side deleted or
// inserted the row. Called when the push has been applied, so that its row locks
// keep others from adding to what this looks at.
void check_overlap(Spi& spi, PushBody& body, const Cursor& cursor, std::int64_t own_transaction);

}  // namespace tidemark::pg
