// Every shape of table that must be captured right (design, section 3), with
// values to write into it.
#pragma once

#include <string>
#include <vector>

namespace tidemark::test {

struct Column {
  std::string name;
  std::string declaration;          // type and column constraints
  std::vector<std::string> values;  // SQL literals; empty for a generated column
  bool key = false;
};

struct Shape {
  std::string name;   // of the shape: letters, digits and underscores
  std::string table;  // of the table, unquoted
  std::vector<Column> columns;
  std::string constraints;  // ", primary key (…)", ", unique (…)"
  std::string options;      // "without rowid", "strict"
  std::vector<std::string> indexes;
  std::vector<std::vector<std::string>> unique;  // sets of columns that REPLACE may knock rows out by
  bool keys_given = false;

  std::string create_sql() const;
  std::string track_sql() const;

  // The columns that may be written, and the row number `i` as literals. Rows
  // with different numbers have different keys, up to kRows.
  std::vector<Column> written() const;
  std::vector<std::string> row(std::size_t i) const;
};

constexpr std::size_t kRows = 9;

const std::vector<Shape>& shapes();

}  // namespace tidemark::test
