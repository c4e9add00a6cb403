// Knows which statements on tracked tables are under way in this transaction, one
// within the other, so that the log has their changes in an order that can be
// replayed.
//
// A statement's changes are logged when it ends, after what its row triggers
// wrote meanwhile. If one of these touched the same table, the inner statement
// logs whole rows, because the row may not be in the log yet; and the outer one
// logs what its rows are by then, not what it made of them, because that may be
// overtaken. A MERGE that deletes a key and inserts it again needs the latter
// too: its insert triggers run before its delete triggers.
#pragma once

#include "pg_extension/pg.h"

namespace tidemark::pg {

// How deep in triggers the running statement's own trigger is: 1 for a client's
// statement. Inside call().
int trigger_depth();

// A statement (or one action of it) begins to write the table.
void statement_begins(Oid table, int depth);

struct StatementEnd {
  bool within_another = false;      // on the same table, that has not ended
  bool has_been_disturbed = false;  // by one within it
  bool has_new_keys = false;        // logged by another action of the same statement
};

// It has ended, and is about to be logged unless it `wrote_nothing`.
StatementEnd statement_ends(Oid table, int depth, bool wrote_nothing);

// What it logged has new keys: inserts, or keys that were changed.
void note_new_keys(Oid table, int depth);

// At the transaction's end.
void forget_statements();

}  // namespace tidemark::pg
