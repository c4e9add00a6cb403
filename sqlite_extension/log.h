// Reads and rewrites a table's log: what is pending for which key.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/clock.h"
#include "common/fold.h"
#include "common/table.h"
#include "sqlite_extension/statement.h"

namespace tidemark::device {

// Which log rows speak of which key. Read once; whoever changes the log, or
// sees that another connection may have, clears it.
class PendingIndex {
 public:
  explicit PendingIndex(const LocalTable& table) : table_(table) {}

  // Reads the log, unless it was read since the last clear().
  void ensure(sqlite3* db);

  void clear();

  bool empty() const { return seqs_.empty(); }

  // The log rows of a key (append_lookup of each of its values), rising.
  const std::vector<std::int64_t>* find(const std::string& lookup) const;

  // The key's entries were rewritten: these say all now; none for nothing pending.
  void set(const std::string& lookup, std::vector<std::int64_t> seqs);
  void erase(const std::string& lookup) { seqs_.erase(lookup); }

 private:
  const LocalTable& table_;
  std::unordered_map<std::string, std::vector<std::int64_t>> seqs_;
  bool read_ = false;
};

// The columns of a log in the order in which `entry_from` reads them:
// seq, op, at, m0 …, c0 …. The keys follow, for who wants them.
std::string log_columns(const LocalTable& table);
int first_key_column(const LocalTable& table);

LogEntry entry_from(const Statement& row, const LocalTable& table);

// The entries of these seqs, in their order.
std::vector<LogEntry> read_entries(sqlite3* db, const LocalTable& table, std::span<const std::int64_t> seqs);

// The key of the row that an entry is about.
Row key_of_entry(sqlite3* db, const LocalTable& table, std::int64_t seq);

// The keys of which anything is pending.
std::vector<Row> pending_keys(sqlite3* db, const LocalTable& table);

// Makes these log rows void: they say nothing any more.
void void_entries(sqlite3* db, const LocalTable& table, std::span<const std::int64_t> seqs);

// Rewrites a log row as an update of the touched columns of `pending`; void if
// none is touched.
void rewrite_entry(sqlite3* db, const LocalTable& table, std::int64_t seq, const Pending& pending);

// Every row of the log has a time by the offset that is kept. To be called where Tidemark
// itself appends to a log, or removes its last rows.
void mark_heard(sqlite3* db, std::int64_t table_number);

// Gives the writes since the answer before the times that they were made at (common/clock.h).
void restamp_logs(sqlite3* db, const Clocks& clocks);

// Appends a row that says the same as `pending`: an insert, or an update or
// delete of the row whose old values are the bases. Its seq.
std::int64_t append_entry(sqlite3* db, const LocalTable& table, const Row& key, const Pending& pending, bool present);

}  // namespace tidemark::device
