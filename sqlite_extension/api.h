// The only includer of SQLite's extension header. Every SQLite call goes
// through the table of functions that the host handed over at load time.
#pragma once

#include <sqlite3ext.h>

extern "C" {
SQLITE_EXTENSION_INIT3
}
