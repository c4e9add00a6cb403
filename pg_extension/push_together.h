// Changes of a push of which each needs another to be made first: unique values
// that go round or are passed on, rows of two tables that refer to each other, a
// row that is deleted and made again under another key.
#pragma once

#include "pg_extension/push_isolate.h"

namespace tidemark::pg {

// Writes those of isolation.failed() that wait for each other: all their rows let go
// of their unique values, inserts leave out the references to rows that are not
// there yet, then all are written. What cannot be written even so is taken back with
// what depends on it, and stays in failed().
void write_together(PushBody& body, PushJournal& journal, PushWriter& writer, Isolation& isolation);

}  // namespace tidemark::pg
