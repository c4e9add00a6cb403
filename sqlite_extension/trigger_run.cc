#include "sqlite_extension/trigger_run.h"

#include "common/quote.h"
#include "common/triggers.h"
#include "sqlite_extension/log.h"
#include "sqlite_extension/writer.h"

namespace tidemark::device {
namespace {

// An OR clause holds for the triggers' statements too: only where none is fired.
constexpr const char* kExactly = "insert or abort";
constexpr const char* kAsTheApplication = "insert";

bool has_hidden_rowid(const LocalTable& table) {
  return !table.without_rowid && !table.rowid_alias && !table.rowid_name.empty();
}

std::int64_t last_seq(sqlite3* db, const LocalTable& table) {
  Statement find(db, "select ifnull(max(seq), 0) from main." + log_name(table));
  find.step();
  return find.integer(0);
}

void bind_row(Statement& statement, int first, const Row& row) {
  for (const Value& value : row) statement.bind(first++, value);
}

}  // namespace

bool has_application_triggers(sqlite3* db, const std::vector<TrackedTable>& tables) {
  Statement find(db,
                 "select 1 from (select name, tbl_name from main.sqlite_master where type = 'trigger'"
                 " union all select name, tbl_name from sqlite_temp_master where type = 'trigger')"
                 " where tbl_name = ?1 collate nocase and name not like 'tidemark\\_%' escape '\\' limit 1");
  for (const TrackedTable& table : tables) {
    find.bind(1, std::string_view(table.local.name));
    if (find.step()) return true;
    find.reset();
  }
  return false;
}

void TriggerRun::touch(const TrackedTable& table, const std::vector<ValueView>& key) {
  if (!places_.emplace(std::make_pair(table.local.number, lookup_of(key)), rows_.size()).second) return;
  Touched row{&table, {}, std::nullopt, std::nullopt};
  for (const ValueView& value : key) row.key.emplace_back(value);
  row.before = read(table, row.key);
  rows_.push_back(std::move(row));
}

void TriggerRun::play(const std::vector<TrackedTable>& tables) {
  for (Touched& row : rows_) row.after = read(*row.table, row.key);
  std::erase_if(rows_, [](const Touched& row) {
    return row.before.has_value() == row.after.has_value() &&
           (!row.before || row.before->columns == row.after->columns);
  });
  if (rows_.empty()) return;

  for (const Touched& row : rows_) remove(row);
  for (const Touched& row : rows_) {
    if (row.before) insert(row, *row.before, kExactly);
  }
  std::vector<std::pair<const TrackedTable*, std::int64_t>> marks;
  for (const TrackedTable& table : tables) {
    if (!table.local.key.empty()) marks.emplace_back(&table, last_seq(db_, table.local));
  }
  sqlite3_db_config(db_, SQLITE_DBCONFIG_ENABLE_TRIGGER, 1, nullptr);
  fire_all();
  sqlite3_db_config(db_, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
  for (const auto& [table, mark] : marks) undo(*table, mark);
  for (const Touched& row : rows_) remove(row);
  // A row without a rowid of its own gets one that the others have left free.
  for (const bool has_rowid : {true, false}) {
    for (const Touched& row : rows_) {
      if (row.after && row.after->rowid.has_value() == has_rowid) insert(row, *row.after, kExactly);
    }
  }
}

std::optional<TriggerRun::Image> TriggerRun::read(const TrackedTable& table, const Row& key) const {
  const LocalTable& local = table.local;
  std::string sql = "select " + (has_hidden_rowid(local) ? local.rowid_name : std::string("null"));
  for (const LocalColumn& column : local.columns) sql += ", " + quote_identifier(column.name);
  Statement find(db_, sql + " from main." + quote_identifier(local.name) + where_key(local));
  bind_row(find, 1, key);
  if (!find.step()) return std::nullopt;
  Image image;
  if (!find.is_null(0)) image.rowid = find.integer(0);
  for (std::size_t i = 0; i < local.columns.size(); ++i) image.columns.push_back(find.value(static_cast<int>(i) + 1));
  return image;
}

void TriggerRun::remove(const Touched& row) const {
  Statement remove(db_, "delete from main." + quote_identifier(row.table->local.name) + where_key(row.table->local));
  bind_row(remove, 1, row.key);
  remove.run();
}

void TriggerRun::insert(const Touched& row, const Image& image, const char* verb) const {
  const LocalTable& local = row.table->local;
  std::string names;
  std::string values;
  int parameter = 1;
  const auto add = [&](const std::string& name) {
    names += (names.empty() ? "" : ", ") + name;
    values += (values.empty() ? "?" : ", ?") + std::to_string(parameter++);
  };
  for (const LocalColumn& column : local.key) add(quote_identifier(column.name));
  for (const LocalColumn& column : local.columns) add(quote_identifier(column.name));
  if (image.rowid) add(local.rowid_name);
  Statement insert(
      db_, std::string(verb) + " into main." + quote_identifier(local.name) + " (" + names + ") values (" + values + ")");
  bind_row(insert, 1, row.key);
  bind_row(insert, static_cast<int>(row.key.size()) + 1, image.columns);
  if (image.rowid) insert.bind(parameter - 1, *image.rowid);
  insert.run();
}

void TriggerRun::fire_all() {
  std::vector<Touched*> waiting;
  for (Touched& row : rows_) waiting.push_back(&row);
  // A unique value may still be that of a row further on. The other way round the next
  // time: along a list that is renumbered each row waits for its neighbour.
  for (bool some = true; some && !waiting.empty();) {
    std::vector<Touched*> rest;
    for (Touched* const row : waiting) {
      if (!fire(*row, true)) rest.push_back(row);
    }
    some = rest.size() < waiting.size();
    waiting.assign(rest.rbegin(), rest.rend());
  }
  // Values that go round: these rows go, and come again.
  for (Touched* const row : waiting) {
    Touched gone{row->table, row->key, row->before, std::nullopt};
    fire(gone, false);
    row->before.reset();
  }
  for (Touched* const row : waiting) fire(*row, false);
}

// Makes the change with triggers on. The rowid that an inserted row gets, which
// triggers have seen, is the one that it keeps. False, and nothing done, if it may wait
// for another row, which has its unique value.
bool TriggerRun::fire(Touched& row, bool may_wait) const {
  const LocalTable& local = row.table->local;
  try {
    if (!row.after) {
      remove(row);
      return true;
    }
    if (!row.before) {
      row.after->rowid.reset();  // a trigger may refuse it, and the next row gets its number
      insert(row, Image{std::nullopt, row.after->columns}, kAsTheApplication);
      if (const auto seen = read(*row.table, row.key)) row.after->rowid = seen->rowid;
      return true;
    }
    row.after->rowid = row.before->rowid;
    std::string sets;
    Row values;
    for (std::size_t i = 0; i < local.columns.size(); ++i) {
      if (row.before->columns[i] == row.after->columns[i]) continue;
      values.push_back(row.after->columns[i]);
      sets += (sets.empty() ? " set " : ", ") + quote_identifier(local.columns[i].name) + " = ?" +
              std::to_string(row.key.size() + values.size());
    }
    Statement update(db_, "update main." + quote_identifier(local.name) + sets + where_key(local));
    bind_row(update, 1, row.key);
    bind_row(update, static_cast<int>(row.key.size()) + 1, values);
    update.run();
  } catch (const SqliteError& error) {
    const std::string problem = "table \"" + local.name + "\": " + error.what();
    if (sqlite3_get_autocommit(db_)) throw TriggerRollback(error.code(), problem);
    if (may_wait && error.is_unique()) return false;
    if (!error.is_constraint() && (error.code() & 0xFF) != SQLITE_ERROR) throw;
    set_meta(db_, "trigger_error", problem);
  }
  return true;
}

// Takes back what was logged of a table since, the newest first.
void TriggerRun::undo(const TrackedTable& table, std::int64_t after_seq) const {
  const LocalTable& local = table.local;
  std::vector<std::pair<LogEntry, Row>> entries;
  Statement list(
      db_, "select " + log_columns(local) + " from main." + log_name(local) + " where seq > ?1 order by seq desc");
  list.bind(1, after_seq);
  while (list.step()) {
    Row key;
    for (std::size_t i = 0; i < local.key.size(); ++i)
      key.push_back(list.value(first_key_column(local) + static_cast<int>(i)));
    entries.emplace_back(entry_from(list, local), std::move(key));
  }
  for (auto& [entry, key] : entries) {
    if (entry.op == LogOp::kRekeyed) continue;
    const Touched row{&table, key, std::nullopt, std::nullopt};
    if (entry.op == LogOp::kInsert) {
      remove(row);
      continue;
    }
    std::optional<Image> image = read(table, key);
    if (entry.op == LogOp::kUpdate && !image) continue;
    if (!image) image = Image{std::nullopt, Row(local.columns.size())};
    for (std::size_t i = 0; i < local.columns.size(); ++i) {
      if (entry.changed[i]) image->columns[i] = std::move(entry.old[i]);
    }
    remove(row);
    insert(row, *image, kExactly);
  }
  Statement forget(db_, "delete from main." + log_name(local) + " where seq > ?1");
  forget.bind(1, after_seq);
  forget.run();
}

}  // namespace tidemark::device
