// The changes of a push in sets that one statement can write.
#pragma once

#include <cstdint>
#include <set>
#include <span>
#include <vector>

#include "pg_extension/push_body.h"
#include "pg_extension/push_statements.h"

namespace tidemark::pg {

using Changes = std::span<const std::uint32_t>;

// Of one table, one operation, the same columns.
struct Group {
  std::uint32_t table = 0;
  Op op = Op::kInsert;
  std::uint32_t column_set = 0;
  std::vector<std::uint32_t> changes;
  Rows rows = Rows::kNew;            // what the rows of an insert are expected to be
  std::vector<std::uint16_t> later;  // columns of an insert that may be given their values afterwards
  bool keeps_values = false;         // its rows cannot let go of their unique values
  std::set<std::uint32_t> claims;    // changes of it that want such a value of another row of the push
};

// All that is not refused, in the order in which it is written: updates and inserts
// parents first, then deletes children first. In a table that refers to itself,
// inserted rows stand behind those that they refer to.
std::vector<Group> groups_of(PushBody& body);

}  // namespace tidemark::pg
