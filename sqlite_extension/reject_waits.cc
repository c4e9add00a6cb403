// Rejects that wait for others: for the row that they refer to, or that refers to them.
#include <algorithm>

#include "common/quote.h"
#include "sqlite_extension/codec.h"
#include "sqlite_extension/reject.h"

namespace tidemark::device {
namespace {

struct Reject {
  std::int64_t id;
  std::int64_t held;  // the log row
};

// The reject that holds a row back; nullopt if none does.
std::optional<Reject> reject_of(sqlite3* db, const std::string& table, const std::string& key) {
  Statement find(db,
                 "select id, held from main.tidemark_conflict where table_name = ?1 and key = ?2 and held is not null");
  find.bind(1, std::string_view(table));
  find.bind(2, std::string_view(key));
  if (!find.step()) return std::nullopt;
  return Reject{find.integer(0), find.integer(1)};
}

// The key of the row that a foreign key of this row refers to, as conflicts show
// it; empty if it refers to none, or to one that is not there.
std::string referred_key(sqlite3* db, const TrackedTable& child, const Row& key, const Row& columns,
                         const HubReference& reference, const LocalTable& parent) {
  std::string sql;
  for (const LocalColumn& column : parent.key) sql += (sql.empty() ? "select " : ", ") + quote_identifier(column.name);
  sql += " from main." + quote_identifier(parent.name);
  for (std::size_t i = 0; i < reference.to.size(); ++i) {
    sql += (i == 0 ? " where " : " and ") + quote_identifier(reference.to[i]) + " = ?" + std::to_string(i + 1);
  }
  Statement find(db, sql);
  for (std::size_t i = 0; i < reference.columns.size(); ++i) {
    const auto place = child.local.place_of(reference.columns[i]);
    for (std::size_t j = 0; !place && j < key.size(); ++j) {
      if (same_name(child.local.key[j].name, reference.columns[i])) find.bind(static_cast<int>(i) + 1, key[j]);
    }
    if (place) find.bind(static_cast<int>(i) + 1, columns[*place]);
  }
  if (!find.step()) return "";
  Row found;
  for (std::size_t i = 0; i < parent.key.size(); ++i) found.push_back(find.value(static_cast<int>(i)));
  return key_json(found);
}

std::optional<std::size_t> place_in(const std::vector<LocalColumn>& columns, const std::string& name) {
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (same_name(columns[i].name, name)) return i;
  }
  return std::nullopt;
}

// Whether a reject waits for another, itself or by those that it waits for.
bool waits_for(sqlite3* db, std::int64_t id, std::int64_t other) {
  Statement find(db,
                 "with recursive chain (id) as (select ?1 union select c.waits_for from main.tidemark_conflict c"
                 " join chain using (id) where c.state = 'waiting') select 1 from chain where id = ?2");
  find.bind(1, id);
  find.bind(2, other);
  return find.step();
}

// False if the other waits for this one.
bool let_wait(sqlite3* db, std::int64_t rejected, std::int64_t cause, const std::string& table,
              const std::string& key) {
  if (waits_for(db, cause, rejected)) return false;
  Statement note(db, "update main.tidemark_conflict set state = 'waiting', waits_for = ?2, hint = ?3 where id = ?1");
  note.bind(1, rejected);
  note.bind(2, cause);
  note.bind(3, std::string_view("It waits for row " + key + " of \"" + table + "\" (conflict " + std::to_string(cause) +
                                "), and goes when that goes."));
  note.run();
  return true;
}

// A row that is held back: as it is here, and what is pending of it.
struct HeldRow {
  HeldRow(sqlite3* db, const TrackedTable& tracked, std::int64_t held)
      : table(tracked.local),
        key(key_of_entry(db, table, held)),
        pending(fold(read_entries(db, table, std::span(&held, 1)), table.columns.size())),
        present(Writer(db, tracked).read(views_of(key))) {}

  // What the hub has in the column; nullptr if it has no such row, or that is not known here.
  const Value* on_hub(const std::string& name) const {
    if (!pending.base_exists) return nullptr;
    if (const auto own = place_in(table.key, name)) return &key[*own];
    const auto place = table.place_of(name);
    if (!place) return nullptr;
    if (pending.columns[*place].touched) return &pending.columns[*place].base;
    return present ? &(*present)[*place] : nullptr;
  }

  // Whether what others refer to in this column is another here than on the hub.
  bool is_gone(const std::string& name) const {
    if (!present) return true;
    const auto place = table.place_of(name);
    return place && is_changed(pending.columns[*place], (*present)[*place]);
  }

  const LocalTable& table;
  Row key;
  Pending pending;
  std::optional<Row> present;
};

// Whether, on the hub, the one row refers to the other.
bool refers_on_hub(const HeldRow& child, const HubReference& reference, const HeldRow& parent) {
  for (std::size_t i = 0; i < reference.columns.size(); ++i) {
    const Value* const from = child.on_hub(reference.columns[i]);
    const Value* const to = parent.on_hub(reference.to[i]);
    if (!from || !to || from->is_null() || *from != *to) return false;
  }
  return true;
}

// A row that cannot be deleted, or given another value, because another refers to it on the
// hub: if that one was changed or deleted here, and refused, it waits for that.
void wait_for_child(sqlite3* db, const std::vector<TrackedTable>& tables, const TrackedTable& table,
                    const Reject& rejected) {
  const HeldRow parent(db, table, rejected.held);
  for (const TrackedTable& child : tables) {
    if (!child.hub || child.local.key.empty()) continue;
    for (const HubReference& reference : child.hub->references) {
      const auto& to = reference.to;
      const bool is_left = reference.table == table.hub->name &&
                           std::any_of(to.begin(), to.end(), [&](const auto& name) { return parent.is_gone(name); });
      if (!is_left) continue;
      Statement list(db,
                     "select id, key, held from main.tidemark_conflict where table_name = ?1 and held is not null"
                     " and id <> ?2");
      list.bind(1, std::string_view(child.local.name));
      list.bind(2, rejected.id);
      while (list.step()) {
        if (!refers_on_hub(HeldRow(db, child, list.integer(2)), reference, parent)) continue;
        if (let_wait(db, rejected.id, list.integer(0), child.local.name, std::string(list.text(1)))) return;
      }
    }
  }
}

}  // namespace

void wait_for_cause(sqlite3* db, const std::vector<TrackedTable>& tables, const TrackedTable& table, const Row& key) {
  const auto rejected = reject_of(db, table.local.name, key_json(key));
  if (!rejected) return;
  const auto present = Writer(db, table).read(views_of(key));
  for (const HubReference& reference : table.hub->references) {
    if (!present) break;
    const auto parent = std::find_if(tables.begin(), tables.end(),
                                     [&](const TrackedTable& t) { return t.hub && t.hub->name == reference.table; });
    if (parent == tables.end() || parent->local.key.empty()) continue;
    const std::string parent_key = referred_key(db, table, key, *present, reference, parent->local);
    const auto cause = parent_key.empty() ? std::nullopt : reject_of(db, parent->local.name, parent_key);
    if (cause && let_wait(db, rejected->id, cause->id, parent->local.name, parent_key)) return;
  }
  wait_for_child(db, tables, table, *rejected);
}

bool release_waiting(sqlite3* db) {
  Statement release(
      db,
      "update main.tidemark_conflict set state = 'retried', held = null where state = 'waiting'"
      " and not exists (select 1 from main.tidemark_conflict cause where cause.id = tidemark_conflict.waits_for"
      " and cause.held is not null)");
  bool any = false;
  do {
    release.run();
    any = any || sqlite3_changes(db) > 0;
  } while (sqlite3_changes(db) > 0);
  return any;
}

}  // namespace tidemark::device
