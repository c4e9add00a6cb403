#include "sqlite_extension/log.h"

#include <algorithm>

#include "common/triggers.h"

namespace tidemark::device {
namespace {

std::string numbered(const char* prefix, std::size_t count) {
  std::string sql;
  for (std::size_t i = 0; i < count; ++i) sql += ", " + std::string(prefix) + std::to_string(i);
  return sql;
}

std::vector<std::int64_t> masks_of(const Pending& pending) {
  std::vector<std::int64_t> masks(mask_count(pending.columns.size()), 0);
  for (std::size_t i = 0; i < pending.columns.size(); ++i) {
    if (pending.columns[i].touched) masks[i / kMaskBits] |= std::int64_t{1} << (i % kMaskBits);
  }
  return masks;
}

}  // namespace

void PendingIndex::ensure(sqlite3* db) {
  if (read_) return;
  Statement list(db, "select seq" + numbered("k", table_.key.size()) + " from main." + log_name(table_) +
                         " where op <> 0 order by seq");
  std::string lookup;
  while (list.step()) {
    lookup.clear();
    for (std::size_t i = 0; i < table_.key.size(); ++i) append_lookup(lookup, list.view(static_cast<int>(i) + 1));
    seqs_[lookup].push_back(list.integer(0));
  }
  read_ = true;
}

void PendingIndex::clear() {
  seqs_.clear();
  read_ = false;
}

void PendingIndex::set(const std::string& lookup, std::vector<std::int64_t> seqs) {
  if (seqs.empty()) {
    seqs_.erase(lookup);
  } else {
    seqs_[lookup] = std::move(seqs);
  }
}

const std::vector<std::int64_t>* PendingIndex::find(const std::string& lookup) const {
  const auto found = seqs_.find(lookup);
  return found == seqs_.end() ? nullptr : &found->second;
}

std::string log_columns(const LocalTable& table) {
  return "seq, op, at" + numbered("m", mask_count(table.columns.size())) + numbered("c", table.columns.size()) +
         numbered("k", table.key.size());
}

int first_key_column(const LocalTable& table) {
  return static_cast<int>(3 + mask_count(table.columns.size()) + table.columns.size());
}

LogEntry entry_from(const Statement& row, const LocalTable& table) {
  LogEntry entry;
  entry.seq = row.integer(0);
  entry.op = static_cast<LogOp>(row.integer(1));
  entry.at_ms = row.integer(2);
  if (entry.op == LogOp::kRekeyed) return entry;

  const std::size_t columns = table.columns.size();
  const int first_value = static_cast<int>(3 + mask_count(columns));
  if (entry.op == LogOp::kInsert) {
    for (std::size_t i = 0; i < columns; ++i) {
      const int value = first_value + static_cast<int>(i);
      if (row.is_null(value)) continue;
      entry.old.resize(columns);
      entry.old[i] = row.value(value);
    }
    return entry;
  }
  entry.changed.resize(columns, true);
  entry.old.resize(columns);
  for (std::size_t i = 0; i < columns; ++i) {
    const int value = first_value + static_cast<int>(i);
    if (!row.is_null(value)) {
      entry.old[i] = row.value(value);
    } else if (entry.op == LogOp::kUpdate) {
      entry.changed[i] = row.integer(3 + static_cast<int>(i / kMaskBits)) >> (i % kMaskBits) & 1;
    }
  }
  return entry;
}

std::vector<LogEntry> read_entries(sqlite3* db, const LocalTable& table, std::span<const std::int64_t> seqs) {
  Statement find(db, "select " + log_columns(table) + " from main." + log_name(table) + " where seq = ?1 and op <> 0");
  std::vector<LogEntry> entries;
  for (const std::int64_t seq : seqs) {
    find.bind(1, seq);
    if (find.step()) entries.push_back(entry_from(find, table));
    find.reset();
  }
  return entries;
}

Row key_of_entry(sqlite3* db, const LocalTable& table, std::int64_t seq) {
  Statement find(
      db, "select " + numbered("k", table.key.size()).substr(2) + " from main." + log_name(table) + " where seq = ?1");
  find.bind(1, seq);
  Row key;
  if (find.step()) {
    for (std::size_t i = 0; i < table.key.size(); ++i) key.push_back(find.value(static_cast<int>(i)));
  }
  return key;
}

std::vector<Row> pending_keys(sqlite3* db, const LocalTable& table) {
  std::vector<Row> keys;
  Statement list(db, "select distinct " + numbered("k", table.key.size()).substr(2) + " from main." + log_name(table) +
                         " where op <> 0");
  while (list.step()) {
    Row& key = keys.emplace_back();
    for (std::size_t i = 0; i < table.key.size(); ++i) key.push_back(list.value(static_cast<int>(i)));
  }
  return keys;
}

void void_entries(sqlite3* db, const LocalTable& table, std::span<const std::int64_t> seqs) {
  Statement forget(db, "update main." + log_name(table) + " set op = 0 where seq = ?1");
  for (const std::int64_t seq : seqs) {
    forget.bind(1, seq);
    forget.run();
  }
}

void rewrite_entry(sqlite3* db, const LocalTable& table, std::int64_t seq, const Pending& pending) {
  const std::vector<std::int64_t> masks = masks_of(pending);
  std::string sql = "update main." + log_name(table) + " set op = ?2, at = ?3";
  int parameter = 4;
  for (std::size_t m = 0; m < masks.size(); ++m)
    sql += ", m" + std::to_string(m) + " = ?" + std::to_string(parameter++);
  for (std::size_t i = 0; i < pending.columns.size(); ++i)
    sql += ", c" + std::to_string(i) + " = ?" + std::to_string(parameter++);
  Statement rewrite(db, sql + " where seq = ?1");
  bool touched = false;
  std::int64_t at_ms = 0;
  parameter = 4;
  for (const std::int64_t mask : masks) rewrite.bind(parameter++, mask);
  for (const Pending::Column& column : pending.columns) {
    if (column.touched) {
      touched = true;
      at_ms = std::max(at_ms, column.at_ms);
      rewrite.bind(parameter, column.base);
    }
    ++parameter;
  }
  rewrite.bind(1, seq);
  rewrite.bind(2, static_cast<std::int64_t>(touched ? LogOp::kUpdate : LogOp::kVoid));
  rewrite.bind(3, at_ms);
  rewrite.run();
}

namespace {

// The writes up to `heard` have times by the offset of the answer before.
void restamp_heard(sqlite3* db, const std::string& log, std::int64_t heard, const Clocks& clocks) {
  Statement move(db, "update " + log + " set at = at + ?2 where seq <= ?1 and op <> 0 and at <> 0");
  move.bind(1, heard);
  move.bind(2, clocks.before_ms - clocks.offset_ms);
  move.run();
}

void restamp_new(sqlite3* db, const std::string& log, std::int64_t heard, const Clocks& clocks) {
  std::vector<std::int64_t> seqs;
  std::vector<std::int64_t> told;
  // Rows that were there before tracking have 0.
  Statement list(db, "select seq, at from " + log + " where seq > ?1 and op <> 0 and at <> 0 order by seq");
  list.bind(1, heard);
  while (list.step()) {
    seqs.push_back(list.integer(0));
    told.push_back(list.integer(1));
  }
  list.reset();
  const std::vector<std::int64_t> made = times_made(told, clocks);
  Statement restamp(db, "update " + log + " set at = ?2 where seq = ?1");
  for (std::size_t i = 0; i < seqs.size(); ++i) {
    if (made[i] == told[i]) continue;
    restamp.bind(1, seqs[i]);
    restamp.bind(2, made[i]);
    restamp.run();
  }
}

}  // namespace

void restamp_logs(sqlite3* db, const Clocks& clocks) {
  std::vector<std::pair<std::int64_t, std::int64_t>> tables;
  Statement list(db, "select number, heard from main.tidemark_table");
  while (list.step()) tables.emplace_back(list.integer(0), list.integer(1));
  list.reset();
  for (const auto& [number, heard] : tables) {
    const std::string log = "main.tidemark_log_" + std::to_string(number);
    Statement last(db, "select ifnull(max(seq), 0) from " + log);
    last.step();
    const std::int64_t seq = last.integer(0);
    last.reset();
    if (clocks.before_ms != clocks.offset_ms) restamp_heard(db, log, heard, clocks);
    if (seq == heard) continue;
    restamp_new(db, log, heard, clocks);
    mark_heard(db, number);
  }
}

void mark_heard(sqlite3* db, std::int64_t table_number) {
  Statement note(db, "update main.tidemark_table set heard = (select ifnull(max(seq), 0) from main.tidemark_log_" +
                         std::to_string(table_number) + ") where number = ?1");
  note.bind(1, table_number);
  note.run();
}

std::int64_t append_entry(sqlite3* db, const LocalTable& table, const Row& key, const Pending& pending, bool present) {
  const LogOp op = !pending.base_exists ? LogOp::kInsert : present ? LogOp::kUpdate : LogOp::kDelete;
  const std::vector<std::int64_t> masks = masks_of(pending);
  std::string sql = "insert into main." + log_name(table) + " (op, at" + numbered("m", masks.size()) +
                    numbered("c", pending.columns.size()) + numbered("k", key.size()) + ") values (?1, ?2";
  const std::size_t values = masks.size() + pending.columns.size() + key.size();
  for (std::size_t i = 0; i < values; ++i) sql += ", ?" + std::to_string(i + 3);
  Statement append(db, sql + ")");
  append.bind(1, static_cast<std::int64_t>(op));
  append.bind(2, pending.at_ms);
  int parameter = 3;
  for (const std::int64_t mask : masks) append.bind(parameter++, mask);
  for (const Pending::Column& column : pending.columns) {
    if (column.touched) append.bind(parameter, column.base);
    ++parameter;
  }
  for (const Value& value : key) append.bind(parameter++, value);
  append.run();
  const std::int64_t seq = sqlite3_last_insert_rowid(db);
  mark_heard(db, table.number);
  return seq;
}

}  // namespace tidemark::device
