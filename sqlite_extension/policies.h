// Which policy is in force for each column of a tracked table: this device's own
// (tidemark_policy), else the hub's, else the default.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "sqlite_extension/catalog.h"

namespace tidemark::device {

// Sets `policies` and `deletes` of the table.
void find_policies(sqlite3* db, TrackedTable& table);

// Keeps them where tidemark_tables shows them. In a transaction of the caller's.
void note_policies(sqlite3* db, TrackedTable& table);

// Declares a policy of this device's own; nullopt takes it back. Without a column:
// of all columns that have none of their own, or whether deletes win. Throws
// Error{kInvalidInput} for one that the column cannot have.
void override_policy(sqlite3* db, TrackedTable& table, std::string_view column,
                     const std::optional<std::string>& policy);

}  // namespace tidemark::device
