#include "sqlite_extension/writer.h"

#include <algorithm>

#include "common/json_text.h"
#include "common/quote.h"
#include "sqlite_extension/codec.h"
#include "sqlite_extension/pushes.h"
#include "sqlite_extension/reject.h"

namespace tidemark::device {
namespace {

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
    : db_(db), table_(table), run_(run), pending_(table.local) {
  for (const LocalColumn& column : local().key) key_kinds_.push_back(kind_in(table, column.name));
  for (const LocalColumn& column : local().columns) kinds_.push_back(kind_in(table, column.name));
  for (std::size_t i = 0; i < local().key.size(); ++i) {
    const LocalColumn& column = local().key[i];
    const std::string test = quote_identifier(column.name) + " is ?" + std::to_string(i + 1);
    where_key_ += (i == 0 ? " where " : " and ") + test;
    // The index finds by the column's collation; the row must have the very same bytes.
    if (!column.binary_collation) where_key_ += " and " + test + " collate binary";
    collates_keys_ = collates_keys_ || !column.binary_collation;
  }
}

bool Writer::is_loaded(std::size_t place) const {
  const auto& gained = table_.gained;
  return gained.empty() || std::any_of(gained.begin(), gained.end(), [&](const std::string& name) {
           return same_name(name, local().columns[place].name);
         });
}

std::optional<Row> Writer::read(const std::vector<ValueView>& key) {
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
  if (!displaced_.empty() && take_back(key, cells, origin)) return;
  touch(key);
  if (collates_keys_) displace_namesakes(key, origin, Holders::kAll);
  store(key, cells, origin, Holders::kAll, [&] {
    Statement& upsert = upsert_of(cells.places, only_if_different);
    bind_key(upsert, 1, key);
    for (std::size_t i = 0; i < cells.values.size(); ++i) {
      upsert.bind_static(static_cast<int>(key.size() + i) + 1, cells.values[i]);
    }
    upsert.run();
  });
}

bool Writer::try_update(const std::vector<ValueView>& key, const Cells& cells, const Origin& origin,
                        std::string* refusal) {
  if (cells.places.empty()) return true;
  if (!displaced_.empty() && take_back(key, cells, origin)) return true;
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
  if (!displaced_.empty() && displaced_.erase(lookup_of(key)) > 0) return;
  touch(key);
  if (!remove_)
    remove_ = std::make_unique<Statement>(db_, "delete from main." + quote_identifier(local().name) + where_key_);
  bind_key(*remove_, 1, key);
  remove_->run();
}

void Writer::settle(const Origin& origin) {
  while (!displaced_.empty()) {
    const auto first = displaced_.begin();
    const Displaced row = std::move(first->second);
    displaced_.erase(first);
    const Cells cells{all_places(row.columns.size()), views_of(row.columns)};
    const auto key = views_of(row.key);
    if (collates_keys_ && displace_namesakes(key, origin, Holders::kPendingOnly)) {
      refuse(key, cells, origin, "unique", "another row of the hub has the same key by the collation of this table");
      continue;
    }
    // Only pending rows: two rows of the hub would displace each other for ever.
    store(key, cells, origin, Holders::kPendingOnly, [&] {
      Statement& upsert = upsert_of(cells.places, false);
      bind_key(upsert, 1, key);
      for (std::size_t i = 0; i < cells.values.size(); ++i) {
        upsert.bind_static(static_cast<int>(key.size() + i) + 1, cells.values[i]);
      }
      upsert.run();
    });
  }
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
  std::string sql = "insert into main." + name + " (" +
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
  return updates_.emplace(places, Statement(db_, "update main." + quote_identifier(local().name) + sets + where_key_))
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
      if (!error.is_unique() && refusal) {
        *refusal = error.what();
        return false;
      }
      if (!error.is_unique() || room_made) {
        refuse(key, cells, origin, error.is_unique() ? "unique" : "constraint", error.what());
        return false;
      }
    }
    make_room(key, cells, origin, holders);
  }
}

void Writer::make_room(const std::vector<ValueView>& key, const Cells& cells, const Origin& origin, Holders which) {
  const std::optional<Row> present = read(key);
  // The values that the row is about to have.
  Row values = present.value_or(Row(local().columns.size()));
  for (std::size_t i = 0; i < cells.places.size(); ++i) values[cells.places[i]] = Value(cells.values[i]);

  for (const UniqueSet& unique : local().unique) {
    std::vector<ValueView> wanted;
    for (const std::string& name : unique.columns) {
      if (const auto place = local().place_of(name)) {
        wanted.push_back(values[*place].view());
        continue;
      }
      for (std::size_t i = 0; i < key.size(); ++i) {
        if (same_name(local().key[i].name, name)) wanted.push_back(key[i]);
      }
    }
    // A generated column's value is not known before the row is written.
    if (wanted.size() == unique.columns.size()) displace_holders(unique, wanted, key, origin, which);
  }
  displace_namesakes(key, origin, which);
}

bool Writer::displace_namesakes(const std::vector<ValueView>& key, const Origin& origin, Holders which) {
  UniqueSet same_key{{}, local().key_collations};
  for (const LocalColumn& column : local().key) same_key.columns.push_back(column.name);
  return displace_holders(same_key, key, key, origin, which);
}

bool Writer::displace_holders(const UniqueSet& unique, const std::vector<ValueView>& values,
                              const std::vector<ValueView>& key, const Origin& origin, Holders which) {
  const std::size_t keys = local().key.size();
  std::string sql =
      "select " +
      (column_list(local().key, all_places(keys)) + column_list(local().columns, all_places(local().columns.size())))
          .substr(2) +
      " from main." + quote_identifier(local().name) + " where ";
  for (std::size_t i = 0; i < unique.columns.size(); ++i) {
    sql += (i == 0 ? "" : " and ") + quote_identifier(unique.columns[i]) + " = ?" + std::to_string(i + 1);
    if (i < unique.collations.size()) sql += " collate " + quote_identifier(unique.collations[i]);
  }
  Statement find(db_, sql);
  for (std::size_t i = 0; i < values.size(); ++i) find.bind_static(static_cast<int>(i) + 1, values[i]);
  std::vector<std::pair<Row, Row>> holders;
  bool some_stay = false;
  while (find.step()) {
    Row holder_key;
    Row holder_columns;
    for (std::size_t i = 0; i < keys; ++i) holder_key.push_back(find.value(static_cast<int>(i)));
    for (std::size_t i = 0; i < local().columns.size(); ++i)
      holder_columns.push_back(find.value(static_cast<int>(keys + i)));
    const auto holder_views = views_of(holder_key);
    if (holder_views == key) continue;
    pending_.ensure(db_);
    if (which == Holders::kPendingOnly && !pending_.find(lookup_of(holder_views))) {
      some_stay = true;
    } else {
      holders.emplace_back(std::move(holder_key), std::move(holder_columns));
    }
  }
  for (const auto& [holder_key, holder_columns] : holders) displace(holder_key, holder_columns, origin);
  return some_stay;
}

// Takes a row out of the way of the hub's. What was pending on it is set aside
// whole; as the hub has it, it comes back later in this transaction.
void Writer::displace(const Row& key, const Row& columns, const Origin& origin) {
  const auto key_views = views_of(key);
  const std::string lookup = lookup_of(key_views);
  remove(key_views);

  pending_.ensure(db_);
  const auto* const seqs = pending_.find(lookup);
  if (!seqs) {
    displaced_[lookup] = {key, columns};
    return;
  }
  const Pending mine = fold(read_entries(db_, local(), *seqs), local().columns.size());
  Conflict conflict;
  conflict.table = local().name;
  conflict.key = key_json(key);
  conflict.kind = "unique";
  if (mine.base_exists) conflict.base = Value(ValueView::text(base_json(mine)));
  conflict.mine = Value(ValueView::text(row_json(key_views, columns)));
  conflict.mine_at_ms = mine.at_ms;
  conflict.theirs_at_ms = origin.at_ms;
  conflict.device = origin.device;
  conflict.seq = origin.seq;
  conflict.message = "a row of the hub has the same unique value; this row was set aside";
  conflict.hint = "tidemark_resolve(id, 'mine') writes it again where the value is free; or write it with another value, "
                  "then tidemark_dismiss(id).";
  record(db_, conflict);
  want_whole(db_, local().number, seqs->front());
  void_entries(db_, local(), *seqs);
  pending_.erase(lookup);
  forget_refusals(db_, local(), key, "resolved");
  if (!mine.base_exists) return;

  Row hubs = columns;
  for (std::size_t i = 0; i < hubs.size(); ++i) {
    if (mine.columns[i].touched) hubs[i] = mine.columns[i].base;
  }
  displaced_[lookup] = {key, std::move(hubs)};
}

// A row of the hub that this database cannot take.
void Writer::refuse(const std::vector<ValueView>& key, const Cells& cells, const Origin& origin,
                    const std::string& kind, const std::string& message) {
  Row row = read(key).value_or(Row(local().columns.size()));
  for (std::size_t i = 0; i < cells.places.size(); ++i) row[cells.places[i]] = Value(cells.values[i]);
  Row key_row;
  for (const ValueView& value : key) key_row.emplace_back(value);
  Conflict conflict;
  conflict.table = local().name;
  conflict.key = key_json(key_row);
  conflict.kind = kind;
  conflict.theirs = Value(ValueView::text(row_json(key, row)));
  conflict.theirs_at_ms = origin.at_ms;
  conflict.device = origin.device;
  conflict.seq = origin.seq;
  conflict.message = message;
  conflict.hint = "The hub allows what a constraint of this device refuses. Loosen it here, or tighten it there; then "
                  "tidemark_resolve(id, 'theirs') asks the hub for the row again.";
  record(db_, conflict);
}

// If the row was displaced: the row with these cells, written whole.
bool Writer::take_back(const std::vector<ValueView>& key, const Cells& cells, const Origin& origin) {
  const auto found = displaced_.find(lookup_of(key));
  if (found == displaced_.end()) return false;
  Displaced row = std::move(found->second);
  displaced_.erase(found);
  for (std::size_t i = 0; i < cells.places.size(); ++i) row.columns[cells.places[i]] = Value(cells.values[i]);
  put(key, {all_places(row.columns.size()), views_of(row.columns)}, origin);
  return true;
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
