// Every way of writing to a table of any shape.
#pragma once

#include <random>
#include <string>
#include <vector>

#include "tests/sqlite/shapes.h"

namespace tidemark::test {

// Statements that are run one after another; any of them may fail, as it may in
// an application.
struct Write {
  std::string name;
  std::vector<std::string> statements;
};

// The table holds the rows 0 to 4 when they begin.
constexpr std::size_t kRowsAtFirst = 5;
std::string insert_sql(const Shape& shape, const std::vector<std::size_t>& rows);
std::vector<Write> writes(const Shape& shape);

// Any statement, its values and its rows drawn at random.
std::string random_statement(const Shape& shape, std::mt19937_64& random);

}  // namespace tidemark::test
