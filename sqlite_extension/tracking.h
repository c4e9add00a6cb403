// Starts, renews and ends the capture of a table's changes.
#pragma once

#include <string>

#include "sqlite_extension/catalog.h"

namespace tidemark::device {

// Installs log and triggers on a table of this database and takes its present
// rows for local changes to be sent (they meet the hub's when it is loaded).
// `keys_given`: the caller says that an auto-incremented key is always given.
// Throws Error{kUnsupported} or Error{kInvalidInput}; changes nothing then.
TrackedTable start_tracking(sqlite3* db, const LocalTable& table, bool keys_given);

// Removes log, triggers and our knowledge of the table; the table stays.
void end_tracking(sqlite3* db, const TrackedTable& table);

// Brings logs and triggers up to the tables as they are now: new columns, new
// UNIQUE indexes. Ends the tracking of tables that were dropped, and says so in
// tidemark_conflicts if something was pending. In a transaction of its own, if
// there is something to do.
void refresh_tracking(sqlite3* db);

}  // namespace tidemark::device
