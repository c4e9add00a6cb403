#include "sqlite_extension/displaced.h"

namespace tidemark::device {

bool DisplacedRows::empty() {
  if (!some_) {
    Statement any(db_, "select 1 from main.tidemark_displaced where table_number = ?1 limit 1");
    any.bind(1, table_.number);
    some_ = any.step();
  }
  return !*some_;
}

std::optional<Row> DisplacedRows::find(const std::string& lookup) {
  if (empty()) return std::nullopt;
  Statement cells(db_, "select place, value from main.tidemark_displaced where table_number = ?1 and key = ?2");
  cells.bind(1, table_.number);
  cells.bind_blob(2, lookup);
  std::optional<Row> columns;
  while (cells.step()) {
    if (!columns) columns.emplace(table_.columns.size());  // one that was added since is NULL
    const auto place = static_cast<std::size_t>(cells.integer(0));
    if (place >= table_.key.size()) columns->at(place - table_.key.size()) = cells.value(1);
  }
  return columns;
}

std::vector<std::pair<Row, Row>> DisplacedRows::all() {
  std::vector<std::pair<Row, Row>> rows;
  if (empty()) return rows;
  Statement cells(db_, "select place, value from main.tidemark_displaced where table_number = ?1 order by key, place");
  cells.bind(1, table_.number);
  while (cells.step()) {
    const auto place = static_cast<std::size_t>(cells.integer(0));
    if (place == 0) rows.emplace_back(Row(table_.key.size()), Row(table_.columns.size()));
    auto& [key, columns] = rows.back();
    (place < key.size() ? key.at(place) : columns.at(place - key.size())) = cells.value(1);
  }
  return rows;
}

void DisplacedRows::keep(const std::string& lookup, const Row& key, const Row& columns) {
  Statement add(db_, "insert into main.tidemark_displaced values (?1, ?2, ?3, ?4)");
  std::int64_t place = 0;
  for (const Row* const part : {&key, &columns}) {
    for (const Value& value : *part) {
      add.bind(1, table_.number);
      add.bind_blob(2, lookup);
      add.bind(3, place++);
      add.bind(4, value);
      add.run();
    }
  }
  some_ = true;
}

void DisplacedRows::forget(const std::string& lookup) {
  Statement remove(db_, "delete from main.tidemark_displaced where table_number = ?1 and key = ?2");
  remove.bind(1, table_.number);
  remove.bind_blob(2, lookup);
  remove.run();
}

}  // namespace tidemark::device
