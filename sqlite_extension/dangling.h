// Rows whose foreign key refers to a row that is not there: the hub deleted it,
// or never took it. Foreign keys are not enforced while changes are applied.
#pragma once

#include <string>

#include "sqlite_extension/catalog.h"

namespace tidemark::device {

// Lists what dangles among the pending rows in tidemark_conflicts, and closes what
// no longer does. What is not pending is as on the hub, where nothing dangles. In a
// transaction of the caller's.
void list_dangling(sqlite3* db);

// Rows that the hub has refused because what they refer to is not there, and was listed as
// such: once it is there they are sent again. Whether there were any. In a transaction of
// the caller's.
bool release_mended(sqlite3* db);

// A table is in use, for the first time or again: what the hub has refused because a row of it
// was not there, or was still there, is sent again.
void release_related(sqlite3* db, const std::vector<TrackedTable>& tables, const TrackedTable& ready);

// What dangles in all tracked tables, pending or not: a JSON array of
// {"table","key","columns","parent","parent_key","remedy"}.
std::string dangling_json(sqlite3* db);

}  // namespace tidemark::device
