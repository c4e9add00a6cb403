// The order of inserted rows in a table that refers to itself.
#pragma once

#include <cstdint>
#include <vector>

#include "pg_extension/push_body.h"

namespace tidemark::pg {

// Puts rows behind those that they refer to by the table's key. `inserts` are of
// one table and have the same columns. Rows that refer to each other in a circle
// come in any order.
void put_parents_first(PushBody& body, std::vector<std::uint32_t>& inserts);

}  // namespace tidemark::pg
