// The SQL functions of the device. docs/sql-reference.md has them with examples.
#pragma once

#include "sqlite_extension/boundary.h"
#include "sqlite_extension/catalog.h"

namespace tidemark::device {

// Registers all functions on a connection. An SQLite result code.
int register_functions(sqlite3* db);

// Those that have a file of their own.
void connect(sqlite3_context* context, Arguments arguments);
void disconnect(sqlite3_context* context, Arguments arguments);
void track(sqlite3_context* context, Arguments arguments);
void untrack(sqlite3_context* context, Arguments arguments);

// What the connection that a function belongs to remembers.
Shapes& shapes_of(sqlite3_context* context);

}  // namespace tidemark::device
