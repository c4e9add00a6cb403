// The first load of a table, page by page, and loading again when the device
// has lost the thread: a restored hub, a column gained.
#pragma once

#include <cstddef>

#include "sqlite_extension/catalog.h"
#include "sqlite_extension/hub.h"

namespace tidemark::device {

// Loads what is left to load of the table. Goes on where an interrupted load
// stopped. Returns how many rows came.
// Throws Error{kAhead} where the hub is not the one that this device has read, and
// TriggerRollback; then the table is to be found anew.
std::int64_t load_table(sqlite3* db, Hub& hub, TrackedTable& table, bool fires_triggers);

// Marks a table to be loaded again. Pending changes stay and meet the hub's
// rows. With Sweep::kLost, rows that the hub no longer has are listed as
// lost and removed when the load ends. In a transaction of the caller.
void load_again(sqlite3* db, TrackedTable& table, Sweep sweep);

// The same, but where it is in use the log is read first.
void load_again_later(sqlite3* db, TrackedTable& table, Sweep sweep);

// Marks columns that the table has gained to be loaded, of the rows that are here and
// nothing else of them: what else changes comes commit by commit. In a transaction of
// the caller.
void load_columns(sqlite3* db, TrackedTable& table, const std::vector<std::string>& names);

// Counts a column that both sides have from now on: what this device has in it
// is pending, to meet what the hub has. In a transaction of the caller.
void adopt_column(sqlite3* db, const TrackedTable& table, std::size_t place);

}  // namespace tidemark::device
