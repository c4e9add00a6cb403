// How the hub's rows find room: unique values and keys that other rows of this database
// hold, and what is listed where there is none.
#include "common/quote.h"
#include "sqlite_extension/codec.h"
#include "sqlite_extension/hub.h"
#include "sqlite_extension/pushes.h"
#include "sqlite_extension/reject.h"
#include "sqlite_extension/writer.h"

namespace tidemark::device {

void Writer::settle(const Origin& origin, std::int64_t read_to) {
  // Two rows of different moments with one value are no clash: one of them is outdated.
  const bool may_wait = table_.is_loading() || table_.until > read_to;
  if (!may_wait) {
    for (const auto& [key, columns] : kept_.all()) find_displaced(views_of(key), origin);
  }
  while (!displaced_.empty()) {
    const auto first = displaced_.begin();
    const std::string lookup = first->first;
    const Displaced row = std::move(first->second);
    displaced_.erase(first);
    if (row.kept) {
      kept_.forget(lookup);
      touch(views_of(row.key));
    }
    pending_.ensure(db_);
    const bool is_pending = pending_.find(lookup) != nullptr;
    if (may_wait || is_pending) {
      std::string refusal;
      if (put_back(row, is_pending ? Holders::kNone : Holders::kPendingOnly, refusal)) continue;
      if (may_wait) {
        kept_.keep(lookup, row.key, row.columns);
      } else {
        set_aside(row, lookup);
      }
      continue;
    }
    const Cells cells{all_places(row.columns.size()), views_of(row.columns)};
    const auto key = views_of(row.key);
    if (collates_keys_ && displace_namesakes(key, origin, Holders::kPendingOnly)) {
      refuse(key, cells, origin, "unique", "another row of the hub has the same key by the collation of this table");
      continue;
    }
    // Only pending rows: two rows of the hub would displace each other for ever.
    upsert(key, cells, origin, Holders::kPendingOnly, false);
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
  if (!namesake_) {
    std::string other;
    std::string sql = "select 1 from main." + quote_identifier(local().name);
    for (std::size_t i = 0; i < local().key.size(); ++i) {
      const std::string name = quote_identifier(local().key[i].name);
      const std::string parameter = "?" + std::to_string(i + 1);
      sql += (i == 0 ? " where " : " and ") + name + " = " + parameter;
      other += (i == 0 ? "" : " or ") + name + " is not " + parameter + " collate binary";
    }
    namesake_ = std::make_unique<Statement>(db_, sql + " and (" + other + ")");
  }
  bind_key(*namesake_, 1, key);
  const bool found = namesake_->step();
  namesake_->reset();
  if (!found) return false;
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
    if (which == Holders::kNone || (which == Holders::kPendingOnly && !pending_.find(lookup_of(holder_views)))) {
      some_stay = true;
    } else {
      holders.emplace_back(std::move(holder_key), std::move(holder_columns));
    }
  }
  for (const auto& [holder_key, holder_columns] : holders) displace(holder_key, holder_columns, origin);
  return some_stay;
}

// Takes a row out of the way of the hub's; it comes back later in this transaction. The
// hub may have moved the value on: its change of this row, or the value's next holder, is
// further on. So not before settle() is it known whether the two clash.
void Writer::displace(const Row& key, const Row& columns, const Origin& origin) {
  const auto key_views = views_of(key);
  remove(key_views);
  displaced_[lookup_of(key_views)] = {key, columns, origin, false};
}

// The row that made room, in this transaction or before it; null if it did not.
Writer::Displaced* Writer::find_displaced(const std::vector<ValueView>& key, const Origin& origin) {
  const std::string lookup = lookup_of(key);
  const auto found = displaced_.find(lookup);
  if (found != displaced_.end()) return &found->second;
  auto columns = kept_.find(lookup);
  if (!columns) return nullptr;
  if (read_table(key)) {  // the application has made it again meanwhile
    kept_.forget(lookup);
    return nullptr;
  }
  Row key_row;
  for (const ValueView& value : key) key_row.emplace_back(value);
  return &displaced_.emplace(lookup, Displaced{std::move(key_row), std::move(*columns), origin, true}).first->second;
}

// The row as it was here. False if another one has its values by now.
bool Writer::put_back(const Displaced& row, Holders which, std::string& refusal) {
  const auto key = views_of(row.key);
  if (collates_keys_ && displace_namesakes(key, row.origin, which)) return false;
  const Cells cells{all_places(row.columns.size()), views_of(row.columns)};
  return upsert(key, cells, row.origin, which, false, &refusal);
}

// What was pending on a row that finds no room is listed whole; as the hub has it, the
// row is still to be put back.
void Writer::set_aside(const Displaced& row, const std::string& lookup) {
  const auto* const seqs = pending_.find(lookup);
  const Pending mine = fold(read_entries(db_, local(), *seqs), local().columns.size());
  Conflict conflict;
  conflict.table = local().name;
  conflict.key = key_json(row.key);
  conflict.kind = "unique";
  if (mine.base_exists) conflict.base = Value(ValueView::text(base_json(mine)));
  conflict.mine = Value(ValueView::text(row_json(views_of(row.key), row.columns)));
  if (mine.at_ms != 0) conflict.mine_at_ms = mine.at_ms + clock_offset_ms(db_);
  conflict.theirs_at_ms = row.origin.at_ms;
  conflict.device = row.origin.device;
  conflict.seq = row.origin.seq;
  conflict.message = "a row of the hub has the same unique value; this row was set aside";
  conflict.hint = "tidemark_resolve(id, 'mine') writes it again where the value is free; or write it with another value, "
                  "then tidemark_dismiss(id).";
  record(db_, conflict);
  want_whole(db_, local().number, seqs->front());
  void_entries(db_, local(), *seqs);
  pending_.erase(lookup);
  forget_refusals(db_, local(), row.key, "resolved");
  if (!mine.base_exists) return;

  Row hubs = row.columns;
  for (std::size_t i = 0; i < hubs.size(); ++i) {
    if (mine.columns[i].touched) hubs[i] = mine.columns[i].base;
  }
  displaced_[lookup] = {row.key, std::move(hubs), row.origin, false};
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

// If the row was displaced: the row with these cells, written whole, and whether it could
// be. Else it is still to be put back as it was.
std::optional<bool> Writer::take_back(const std::vector<ValueView>& key, const Cells& cells, const Origin& origin,
                                      std::string* refusal) {
  Displaced* const found = find_displaced(key, origin);
  if (!found) return std::nullopt;
  const std::string lookup = lookup_of(key);
  Displaced row = std::move(*found);
  displaced_.erase(lookup);
  Row columns = row.columns;
  for (std::size_t i = 0; i < cells.places.size(); ++i) columns[cells.places[i]] = Value(cells.values[i]);
  touch(key);
  if (collates_keys_) displace_namesakes(key, origin, Holders::kAll);
  const Cells whole{all_places(columns.size()), views_of(columns)};
  const bool taken = upsert(key, whole, origin, Holders::kAll, false, refusal);
  if (!taken) {
    displaced_[lookup] = std::move(row);
  } else if (row.kept) {
    kept_.forget(lookup);
  }
  return taken;
}

}  // namespace tidemark::device
