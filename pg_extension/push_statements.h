// The statements by which the changes of a push are written; each reads the
// relation "pushed" (pushed_rows.h).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pg_extension/push_body.h"

namespace tidemark::pg {

// Rows that are expected to be new go in faster without ON CONFLICT.
enum class Rows { kNew, kPerhapsThere };

// The columns in `later` are left NULL.
std::string insert_statement(const Layout& layout, const ColumnSet& columns, Rows rows,
                             const std::vector<std::uint16_t>& later);

std::string update_statement(const Layout& layout, const ColumnSet& columns);

// Gives inserted rows the values of the columns in `later`.
std::string complete_statement(const Layout& layout, const ColumnSet& columns, const std::vector<std::uint16_t>& later);

std::string delete_statement(const Layout& layout);

}  // namespace tidemark::pg
