// Puts tables in an order in which what is referred to precedes what refers.
#pragma once

#include <map>
#include <vector>

#include "pg_extension/pg.h"

namespace tidemark::pg {

// `parents` has an entry (child, parent) for each foreign key. Tables in a cycle
// come in any order.
std::vector<Oid> parents_first(const std::vector<Oid>& relations, const std::multimap<Oid, Oid>& parents);

}  // namespace tidemark::pg
