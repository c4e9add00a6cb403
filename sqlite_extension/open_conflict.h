// A row of tidemark_conflicts that is not settled yet, as tidemark_resolve() and its like need it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "sqlite_extension/catalog.h"

namespace tidemark::device {

struct OpenConflict {
  std::int64_t id = 0;
  TrackedTable table;
  Row key;
  std::string column;  // empty: the whole row
  std::string kind;
  Value base;
  Value mine;
  Value theirs;
  Value result;
  std::optional<std::int64_t> held;

  // A row of the hub that this database could not take: there is nothing of ours in it.
  bool is_refusal() const { return kind == "constraint" || (kind == "unique" && mine.is_null()); }
};

// Throws Error{kNotFound} if there is none, Error{kWrongState} if it is settled.
OpenConflict find_open(sqlite3* db, std::int64_t id);

// One whose row can be written. Throws Error{kNotTracked} or Error{kWrongState} for what is in the way.
OpenConflict find_settleable(sqlite3* db, std::int64_t id);

// The columns of a row that a conflict has as JSON.
std::map<std::string, Value> members_of(const Value& json);

}  // namespace tidemark::device
