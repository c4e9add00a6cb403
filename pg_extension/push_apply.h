// Writes the changes of a push to their tables: all at once if nothing is
// refused, else all but the bad ones.
#pragma once

#include "pg_extension/push_body.h"
#include "pg_extension/push_journal.h"

namespace tidemark::pg {

// Applies what is not refused yet; what turns out bad is refused.
void apply_push(PushBody& body, PushJournal& journal);

}  // namespace tidemark::pg
