// The views tidemark_pending, tidemark_conflicts and tidemark_tables: plain SQL,
// so that a program without the extension can read them too.
#pragma once

#include "sqlite_extension/api.h"

namespace tidemark::device {

// Makes the views anew; tidemark_pending names each tracked table's log.
void make_views(sqlite3* db);

}  // namespace tidemark::device
