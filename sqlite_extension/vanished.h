// What is pending of rows that are gone although no delete was logged: the table's
// triggers were missing, since a migration has made it anew.
#pragma once

#include "sqlite_extension/catalog.h"

namespace tidemark::device {

// Takes it out of the log and lists it as lost: the hub is not told of a delete that
// nobody has made. In a transaction of the caller.
void list_vanished(sqlite3* db, const TrackedTable& table);

}  // namespace tidemark::device
