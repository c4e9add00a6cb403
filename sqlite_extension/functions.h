// The SQL functions of the device. docs/sql-reference.md has them with examples.
#pragma once

#include "sqlite_extension/api.h"

namespace tidemark::device {

// Registers all functions on a connection. An SQLite result code.
int register_functions(sqlite3* db);

}  // namespace tidemark::device
