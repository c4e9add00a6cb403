// Folds what a device's log says about one key into one pending change, and
// decides what of it the hub does not have yet.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "common/triggers.h"
#include "common/value.h"

namespace tidemark {

// One row of a log (common/triggers.h). For an update, `old` and `changed` have
// one entry for each column of the table; for a delete only `old` has; for an
// insert both are empty, but if the row was deleted on the hub and is to be there
// again: then `old` is what the hub had.
struct LogEntry {
  std::int64_t seq = 0;
  LogOp op = LogOp::kVoid;
  std::int64_t at_ms = 0;
  std::vector<bool> changed;
  Row old;
};

// What a device did to one key since the hub's state it knows.
struct Pending {
  // A column that may differ from the hub's value.
  struct Column {
    bool touched = false;
    Value base;  // the hub's value; NULL if it never had the row
    std::int64_t at_ms = 0;
  };

  bool base_exists = false;  // the hub has the row
  std::int64_t at_ms = 0;    // of the last entry
  std::vector<Column> columns;
};

// Folds the entries of one key, in the order of `seq`, none of them void.
// `columns` is how many columns the table has besides its key.
Pending fold(std::span<const LogEntry> entries, std::size_t columns);

enum class Net { kNothing, kInsert, kUpdate, kDelete };

// What the hub must be told. `present` is the row's columns now, without the
// key; nullopt if the row is gone.
Net net_of(const Pending& pending, const std::optional<Row>& present);

// Whether that column is to be sent in an update.
inline bool is_changed(const Pending::Column& column, const Value& present) {
  return column.touched && !(column.base == present);
}

}  // namespace tidemark
