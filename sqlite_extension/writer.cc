#include "sqlite_extension/writer.h"

#include <algorithm>

#include "common/json_text.h"
#include "common/quote.h"
#include "sqlite_extension/codec.h"
#include "sqlite_extension/pushes.h"
#include "sqlite_extension/reject.h"

namespace tidemark::device {
namespace {

Kind kind_in(const TrackedTable& table, const std::string& column) {
  const HubColumn* const known = table.hub ? table.hub->find(column) : nullptr;
  return known ? known->kind : Kind::kText;
}

}  // namespace

ApplyScope::ApplyScope(sqlite3* db) : db_(db) {
  sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, -1, &triggers_);
  sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_FKEY, -1, &foreign_keys_);
  sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
  sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_FKEY, 0, nullptr);
}

ApplyScope::~ApplyScope() {
  sqlite3_db_config(db_, SQLITE_DBCONFIG_ENABLE_TRIGGER, triggers_, nullptr);
  sqlite3_db_config(db_, SQLITE_DBCONFIG_ENABLE_FKEY, foreign_keys_, nullptr);
}

Writer::Writer(sqlite3* db, const TrackedTable& table, TriggerRun* run)
    : db_(db), table_(table), run_(run), pending_(table.local), kept_(db, table.local) {
  for (const LocalColumn& column : local().key) key_kinds_.push_back(kind_in(table, column.name));
  for (const LocalColumn& column : local().columns) kinds_.push_back(kind_in(table, column.name));
  where_key_ = where_key(local());
  for (const LocalColumn& column : local().key) collates_keys_ = collates_keys_ || !column.binary_collation;
}

bool Writer::is_loaded(std::size_t place) const {
  const auto& gained = table_.gained;
  return gained.empty() || std::any_of(gained.begin(), gained.end(), [&](const std::string& name) {
           return same_name(name, local().columns[place].name);
         });
}

std::optional<Row> Writer::read(const std::vector<ValueView>& key) {
  if (!displaced_.empty()) {
    const auto found = displaced_.find(lookup_of(key));
    if (found != displaced_.end()) return found->second.columns;
  }
  std::optional<Row> row = read_table(key);
  if (!row && !kept_.empty()) row = kept_.find(lookup_of(key));
  return row;
}

std::optional<Row> Writer::read_table(const std::vector<ValueView>& key) {
  if (!read_) {
    const std::string columns = column_list(local().columns, all_places(local().columns.size()));
    read_ = std::make_unique<Statement>(
        db_, "select 1" + columns + " from main." + quote_identifier(local().name) + where_key_);
  }
  bind_key(*read_, 1, key);
  std::optional<Row> row;
  if (read_->step()) {
    row.emplace().reserve(local().columns.size());
    for (std::size_t i = 0; i < local().columns.size(); ++i) row->push_back(read_->value(static_cast<int>(i) + 1));
  }
  read_->reset();
  return row;
}

void Writer::put(const std::vector<ValueView>& key, const Cells& cells, const Origin& origin, bool only_if_different) {
  if (some_displaced() && take_back(key, cells, origin)) return;
  touch(key);
  if (collates_keys_) displace_namesakes(key, origin, Holders::kAll);
  upsert(key, cells, origin, Holders::kAll, only_if_different);
}

bool Writer::upsert(const std::vector<ValueView>& key, const Cells& cells, const Origin& origin, Holders holders,
                    bool only_if_different, std::string* refusal) {
  const auto write = [&] {
    Statement& upsert = upsert_of(cells.places, only_if_different);
    bind_key(upsert, 1, key);
    for (std::size_t i = 0; i < cells.values.size(); ++i) {
      upsert.bind_static(static_cast<int>(key.size() + i) + 1, cells.values[i]);
    }
    upsert.run();
  };
  return store(key, cells, origin, holders, write, refusal);
}

bool Writer::try_update(const std::vector<ValueView>& key, const Cells& cells, const Origin& origin,
                        std::string* refusal) {
  if (cells.places.empty()) return true;
  if (some_displaced()) {
    if (const auto taken = take_back(key, cells, origin, refusal)) return *taken;
  }
  touch(key);
  const auto write = [&] {
    Statement& update = update_of(cells.places);
    bind_key(update, 1, key);
    for (std::size_t i = 0; i < cells.values.size(); ++i) {
      update.bind_static(static_cast<int>(key.size() + i) + 1, cells.values[i]);
    }
    update.run();
  };
  return store(key, cells, origin, Holders::kAll, write, refusal);
}

void Writer::remove(const std::vector<ValueView>& key) {
  if (some_displaced()) {
    const std::string lookup = lookup_of(key);
    if (!kept_.empty()) kept_.forget(lookup);
    if (displaced_.erase(lookup) > 0) return;
  }
  touch(key);
  if (!remove_)
    remove_ = std::make_unique<Statement>(db_, "delete from main." + quote_identifier(local().name) + where_key_);
  bind_key(*remove_, 1, key);
  remove_->run();
}

std::string Writer::row_json(const std::vector<ValueView>& key, const Row& columns) const {
  std::string json = "{";
  const auto append = [&](const std::string& name, Kind kind, const ValueView& value) {
    if (json.size() > 1) json += ',';
    append_json_string(json, name);
    json += ':';
    if (!append_json(json, kind, value)) append_json_blob(json, value.bytes);
  };
  for (std::size_t i = 0; i < key.size(); ++i) append(local().key[i].name, key_kinds_[i], key[i]);
  for (std::size_t i = 0; i < columns.size(); ++i) append(local().columns[i].name, kinds_[i], columns[i].view());
  return json + "}";
}

std::string Writer::base_json(const Pending& pending) const {
  std::string json = "{";
  for (std::size_t i = 0; i < pending.columns.size(); ++i) {
    const Pending::Column& column = pending.columns[i];
    if (!column.touched) continue;
    if (json.size() > 1) json += ',';
    append_json_string(json, local().columns[i].name);
    json += ':';
    if (!append_json(json, kinds_[i], column.base.view())) append_json_blob(json, column.base.view().bytes);
  }
  return json + "}";
}

Statement& Writer::upsert_of(const std::vector<std::size_t>& places, bool only_if_different) {
  const auto found = upserts_.find({places, only_if_different});
  if (found != upserts_.end()) return found->second;

  const std::string name = quote_identifier(local().name);
  std::vector<std::size_t> key = all_places(local().key.size());
  // The table's own ON CONFLICT clauses are for the application: a row of the hub replaces none and is not left out.
  std::string sql = "insert or abort into main." + name + " (" +
                    (column_list(local().key, key) + column_list(local().columns, places)).substr(2) + ") values (";
  for (std::size_t i = 0; i < key.size() + places.size(); ++i) sql += (i == 0 ? "?" : ", ?") + std::to_string(i + 1);
  sql += ") on conflict (" + column_list(local().key, key).substr(2) + ") do ";
  std::string sets;
  std::string same;
  const auto set = [&](const LocalColumn& column) {
    const std::string quoted = quote_identifier(column.name);
    sets += (sets.empty() ? "" : ", ") + quoted + " = excluded." + quoted;
    same += (same.empty() ? "" : " or ") + name + "." + quoted + " is not excluded." + quoted +
            (column.binary_collation ? "" : " collate binary");
  };
  for (const std::size_t place : places) set(local().columns[place]);
  sql += sets.empty() ? "nothing" : "update set " + sets;
  if (only_if_different && !sets.empty()) sql += " where " + same;
  return upserts_.emplace(std::make_pair(places, only_if_different), Statement(db_, sql)).first->second;
}

Statement& Writer::update_of(const std::vector<std::size_t>& places) {
  const auto found = updates_.find(places);
  if (found != updates_.end()) return found->second;

  std::string sets;
  for (std::size_t i = 0; i < places.size(); ++i) {
    sets += (i == 0 ? " set " : ", ") + quote_identifier(local().columns[places[i]].name) + " = ?" +
            std::to_string(local().key.size() + i + 1);
  }
  return updates_.emplace(places, Statement(db_, "update or abort main." + quote_identifier(local().name) + sets + where_key_))
      .first->second;
}

void Writer::bind_key(Statement& statement, int first, const std::vector<ValueView>& key) {
  for (std::size_t i = 0; i < key.size(); ++i) statement.bind_static(first + static_cast<int>(i), key[i]);
}

// Writes; if a unique value is taken, makes room and writes once more. False if
// the device's constraints refuse the row all the same.
template <class Write>
bool Writer::store(const std::vector<ValueView>& key, const Cells& cells, const Origin& origin, Holders holders,
                   const Write& write, std::string* refusal) {
  for (bool room_made = false;; room_made = true) {
    try {
      write();
      return true;
    } catch (const SqliteError& error) {
      if (!error.is_constraint()) throw;
      if (!error.is_unique() || room_made || holders == Holders::kNone) {
        if (refusal) {
          *refusal = error.what();
          return false;
        }
        refuse(key, cells, origin, error.is_unique() ? "unique" : "constraint", error.what());
        return false;
      }
    }
    make_room(key, cells, origin, holders);
  }
}

std::string column_list(const std::vector<LocalColumn>& columns, const std::vector<std::size_t>& places) {
  std::string sql;
  for (const std::size_t place : places) sql += ", " + quote_identifier(columns[place].name);
  return sql;
}

std::vector<std::size_t> all_places(std::size_t count) {
  std::vector<std::size_t> places(count);
  for (std::size_t i = 0; i < count; ++i) places[i] = i;
  return places;
}

std::string where_key(const LocalTable& table) {
  std::string sql;
  for (std::size_t i = 0; i < table.key.size(); ++i) {
    const std::string test = quote_identifier(table.key[i].name) + " is ?" + std::to_string(i + 1);
    sql += (i == 0 ? " where " : " and ") + test;
    // The index finds by the column's collation; the row must have the very same bytes.
    if (!table.key[i].binary_collation) sql += " and " + test + " collate binary";
  }
  return sql;
}

std::string lookup_of(const std::vector<ValueView>& key) {
  std::string lookup;
  for (const ValueView& value : key) append_lookup(lookup, value);
  return lookup;
}

std::vector<ValueView> views_of(const Row& row) {
  std::vector<ValueView> views;
  views.reserve(row.size());
  for (const Value& value : row) views.push_back(value.view());
  return views;
}

}  // namespace tidemark::device
