// What a log must say, found out from two copies of the table: the one before
// the writes and the one after. Plain SQL and C++; nothing of the device's code.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tests/sqlite/database.h"

namespace tidemark::test {

// A tracked table as tidemark_table and SQLite's catalogue describe it.
struct Tracked {
  std::int64_t number = 0;
  std::string name;
  std::vector<std::string> key;
  std::vector<std::string> columns;  // in the order of the log's bits
};

Tracked tracked(const Database& db, const std::string& name);

std::string quoted(const std::string& name);  // "it's" with its double quotes

// The rows that a key names; a key with a NULL in it names none.
using Rows = std::map<Cells, Cells>;
Rows rows_of(const Database& db, const Tracked& table);

// The log forgets, as after a push that was read back.
void forget_log(const Database& db, const Tracked& table);

// What the log and the pending view say wrongly of the way from `before` to the
// table as it is now; "" if they are right. The claims:
//   a key that the log does not name is as it was;
//   base and present row together give exactly the old row;
//   tidemark_pending lists every key that differs once, with its operation.
std::string wrong(const Database& db, const Tracked& table, const Rows& before);

}  // namespace tidemark::test
