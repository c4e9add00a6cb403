// Changes that were refused: they stay in the table as the person left them,
// are listed in tidemark_conflicts, and are not sent again until they change.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "sqlite_extension/writer.h"

namespace tidemark::device {

struct Refusal {
  std::string sqlstate;
  std::string message;
  std::string hint;
  std::string column;
};

// Folds a key's log rows into one, and holds it back: `refused` were sent and
// refused; `later` were written since, and with any of them the key is free to
// be sent again.
void hold(sqlite3* db, Writer& writer, const Row& key, std::span<const std::int64_t> refused,
          std::span<const std::int64_t> later, const Refusal& refusal);

// Values that a policy's expression made and the hub refuses give way to the hub's; what
// else was pending of the row is pending again. False, and nothing done, if there are none.
bool yield_expressions(sqlite3* db, Writer& writer, const Row& key, std::span<const std::int64_t> seqs,
                       const Refusal& refusal);

// The log rows of a table that are held back.
std::vector<std::int64_t> held_entries(sqlite3* db, const LocalTable& table);

// Whether a refusal of the table is still open.
bool has_refusals(sqlite3* db, const LocalTable& table);

// The key's refusals are history: it is sent again ("retried"), or nothing of it is
// pending any more ("resolved").
void forget_refusals(sqlite3* db, const LocalTable& table, const Row& key, std::string_view state);

// The table's refusals hold nothing back any more: its log goes. They stay on the list.
void release_refusals(sqlite3* db, const LocalTable& table);

// If the row that was refused refers to one that is held back, or cannot be deleted or given
// another value before that one has left it: it waits for that one.
void wait_for_cause(sqlite3* db, const std::vector<TrackedTable>& tables, const TrackedTable& table, const Row& key);

// Gives a held log row the last number of its log.
void move_held(sqlite3* db, const LocalTable& table, std::int64_t seq);

// Lets the rows go whose cause to wait is gone. Whether there were any.
bool release_waiting(sqlite3* db);

// What was refused for a column that has come or gone since, or may have been, or for want of
// the table, is sent again.
void release_outdated(sqlite3* db, const LocalTable& table, std::string_view column);

// Removes log rows up to `upto` but for those that are held back.
void drop_log(sqlite3* db, std::int64_t table_number, std::int64_t upto);

}  // namespace tidemark::device
