// Writes down what met, what lost and what was refused (tidemark_conflicts).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "sqlite_extension/statement.h"

namespace tidemark::device {

// One row of tidemark_conflict. Texts that are empty become NULL.
struct Conflict {
  std::string table;
  std::string key;  // JSON array
  std::string column;
  std::string kind;  // update, delete, unique, reject, constraint, dangling, lost
  Value base;
  Value mine;
  Value theirs;
  Value result;
  std::string policy;
  std::string state = "open";
  std::optional<std::int64_t> mine_at_ms;
  std::optional<std::int64_t> theirs_at_ms;
  std::string device;
  std::optional<std::int64_t> seq;
  std::string sqlstate;
  std::string message;
  std::string hint;
  std::optional<std::int64_t> held;
};

void record(sqlite3* db, const Conflict& conflict);

// How many days conflicts are kept after they were settled, or if they lost nothing.
std::int64_t days_kept(sqlite3* db);

// Removes those that are older, by the hub's clock, heard a moment ago. What is open or
// waiting stays for ever.
void forget_old_conflicts(sqlite3* db);

}  // namespace tidemark::device
