// Rows that made room for rows of the hub in a table whose rows are of different
// moments, and found none again: one of the two is outdated, and the log that is still to
// be read says which. They are kept whole until then.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/table.h"
#include "sqlite_extension/statement.h"

namespace tidemark::device {

class DisplacedRows {
 public:
  DisplacedRows(sqlite3* db, const LocalTable& table) : db_(db), table_(table) {}

  bool empty();

  // The columns of the row without its key; nullopt if it is not among them.
  std::optional<Row> find(const std::string& lookup);

  // Their keys and columns.
  std::vector<std::pair<Row, Row>> all();

  void keep(const std::string& lookup, const Row& key, const Row& columns);
  void forget(const std::string& lookup);

 private:
  sqlite3* db_;
  const LocalTable& table_;
  std::optional<bool> some_;
};

}  // namespace tidemark::device
