// What a person does about a row of tidemark_conflicts. Resolving is an
// ordinary local write: the triggers log it, and it syncs.
#pragma once

#include <cstdint>

#include "sqlite_extension/statement.h"

namespace tidemark::device {

// Writes a side's values, where the table has others: of the column, or of the
// whole row. 'theirs' of a reject gives up the pending change and takes the row
// as the hub has it. Marks the conflict resolved. Throws Error{kNotFound} for an
// unknown id, Error{kWrongState} for one that is not open.
void resolve_mine(sqlite3* db, std::int64_t id);
void resolve_theirs(sqlite3* db, std::int64_t id);

// Writes a value of the caller's into the column that was in conflict.
void resolve_value(sqlite3* db, std::int64_t id, const Value& value);

// Lets a rejected change go with the next push.
void retry(sqlite3* db, std::int64_t id);

// Takes a conflict off the list of open ones; the data stays as it is.
void dismiss(sqlite3* db, std::int64_t id);

}  // namespace tidemark::device
