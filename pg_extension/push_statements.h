// The statements by which the changes of a push are written; each reads the
// relation "pushed" (pushed_rows.h).
#pragma once

#include <string>

#include "pg_extension/push_body.h"

namespace tidemark::pg {

// Rows that are expected to be new go in faster without ON CONFLICT.
enum class Rows { kNew, kPerhapsThere };

std::string insert_statement(const Layout& layout, const ColumnSet& columns, Rows rows);

std::string update_statement(const Layout& layout, const ColumnSet& columns);

std::string delete_statement(const Layout& layout);

// Gives those of the columns that are in a UNIQUE index values that nobody has:
// NULL, or something random of their type. Empty if there is no such value.
std::string let_go_statement(const Layout& layout, const ColumnSet& columns);

}  // namespace tidemark::pg
