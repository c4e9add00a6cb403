#include "sqlite_extension/reject.h"

#include <algorithm>

#include "common/quote.h"
#include "common/triggers.h"
#include "sqlite_extension/codec.h"
#include "sqlite_extension/hub.h"

namespace tidemark::device {
namespace {

// Where PostgreSQL has none.
constexpr const char* kHint =
    "Change the row, or run tidemark_retry(id) once the cause is gone; tidemark_resolve(id, 'theirs') takes the hub's.";

}  // namespace

void hold(sqlite3* db, Writer& writer, const Row& key, std::span<const std::int64_t> refused,
          std::span<const std::int64_t> later, const Refusal& refusal) {
  std::vector<std::int64_t> seqs(refused.begin(), refused.end());
  seqs.insert(seqs.end(), later.begin(), later.end());
  const LocalTable& local = writer.local();
  const auto key_views = views_of(key);
  const Pending pending = fold(read_entries(db, local, seqs), local.columns.size());
  const std::optional<Row> present = writer.read(key_views);
  void_entries(db, local, seqs);
  const std::int64_t seq = append_entry(db, local, key, pending, present.has_value());

  Conflict conflict;
  conflict.table = local.name;
  conflict.key = key_json(key);
  conflict.column = refusal.column;
  conflict.kind = "reject";
  if (present) conflict.mine = Value(ValueView::text(writer.row_json(key_views, *present)));
  if (pending.at_ms != 0) conflict.mine_at_ms = pending.at_ms + clock_offset_ms(db);
  conflict.state = later.empty() ? "open" : "retried";
  conflict.sqlstate = refusal.sqlstate;
  conflict.message = refusal.message;
  conflict.hint = refusal.hint.empty() ? kHint : refusal.hint;
  if (later.empty()) conflict.held = seq;
  record(db, conflict);
}

bool yield_expressions(sqlite3* db, Writer& writer, const Row& key, std::span<const std::int64_t> seqs,
                       const Refusal& refusal) {
  const LocalTable& local = writer.local();
  const auto key_views = views_of(key);
  const std::optional<Row> present = writer.read(key_views);
  Pending pending = fold(read_entries(db, local, seqs), local.columns.size());
  if (!present || !pending.base_exists) return false;

  Statement find(db,
                 "select id, result from main.tidemark_conflict where table_name = ?1 and key = ?2 and column_name = ?3"
                 " and kind = 'update' and state in ('open', 'merged') order by id desc limit 1");
  Statement note(db, "update main.tidemark_conflict set result = theirs, state = 'open', message = ?2 where id = ?1");
  Cells cells;
  for (std::size_t i = 0; i < local.columns.size(); ++i) {
    if (writer.table().policies[i].rule != Rule::kExpression || !pending.columns[i].touched) continue;
    if (!refusal.column.empty() && !same_name(refusal.column, local.columns[i].name)) continue;
    find.bind(1, std::string_view(local.name));
    find.bind(2, std::string_view(key_json(key)));
    find.bind(3, std::string_view(local.columns[i].name));
    if (find.step() && find.value(1) == (*present)[i]) {  // and nobody has written since
      note.bind(1, find.integer(0));
      note.bind(2, std::string_view("the hub refuses what the policy's expression gave: " + refusal.message));
      note.run();
      cells.places.push_back(i);
      cells.values.push_back(pending.columns[i].base.view());
      pending.columns[i].touched = false;
    }
    find.reset();
  }
  if (cells.places.empty()) return false;
  {
    ApplyScope scope(db);
    writer.update(key_views, cells, {});
    writer.settle({});
  }
  void_entries(db, local, seqs);
  const auto& columns = pending.columns;
  const bool some = std::any_of(columns.begin(), columns.end(), [](const auto& column) { return column.touched; });
  if (some) append_entry(db, local, key, pending, true);
  return true;
}

std::vector<std::int64_t> held_entries(sqlite3* db, const LocalTable& table) {
  Statement list(db, "select held from main.tidemark_conflict where table_name = ?1 and held is not null");
  list.bind(1, std::string_view(table.name));
  std::vector<std::int64_t> held;
  while (list.step()) held.push_back(list.integer(0));
  return held;
}

bool has_refusals(sqlite3* db, const LocalTable& table) {
  Statement any(db, "select 1 from main.tidemark_conflict where table_name = ?1 and held is not null limit 1");
  any.bind(1, std::string_view(table.name));
  return any.step();
}

void forget_refusals(sqlite3* db, const LocalTable& table, const Row& key, std::string_view state) {
  Statement forget(db,
                   "update main.tidemark_conflict set state = ?3, held = null"
                   " where table_name = ?1 and key = ?2 and held is not null");
  forget.bind(1, std::string_view(table.name));
  forget.bind(2, std::string_view(key_json(key)));
  forget.bind(3, state);
  forget.run();
}

void release_refusals(sqlite3* db, const LocalTable& table) {
  Statement release(db,
                    "update main.tidemark_conflict set state = 'open', held = null"
                    " where table_name = ?1 and held is not null");
  release.bind(1, std::string_view(table.name));
  release.run();
}

namespace {

// The reject that holds a row back; nullopt if none does.
std::optional<std::int64_t> reject_of(sqlite3* db, const std::string& table, const std::string& key) {
  Statement find(db, "select id from main.tidemark_conflict where table_name = ?1 and key = ?2 and held is not null");
  find.bind(1, std::string_view(table));
  find.bind(2, std::string_view(key));
  if (!find.step()) return std::nullopt;
  return find.integer(0);
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

// Whether, on the hub, the row of a held log entry refers to the row of this key.
bool refers_on_hub(sqlite3* db, const TrackedTable& child, std::int64_t held, const HubReference& reference,
                   const LocalTable& parent, const Row& parent_key) {
  const auto entries = read_entries(db, child.local, std::span(&held, 1));
  const Pending pending = fold(entries, child.local.columns.size());
  if (!pending.base_exists) return false;
  const Row key = key_of_entry(db, child.local, held);
  const auto present = Writer(db, child).read(views_of(key));
  for (std::size_t i = 0; i < reference.columns.size(); ++i) {
    const auto place = child.local.place_of(reference.columns[i]);
    const auto own = place_in(child.local.key, reference.columns[i]);
    const auto to = place_in(parent.key, reference.to[i]);
    if (!to || (!place && !own)) return false;
    const bool is_as_here = place && !pending.columns[*place].touched;
    if (is_as_here && !present) return false;
    const Value& value = own ? key[*own] : is_as_here ? (*present)[*place] : pending.columns[*place].base;
    if (value != parent_key[*to]) return false;
  }
  return true;
}

// A row that cannot be deleted because another refers to it on the hub: if that one was
// changed or deleted here, and refused, it waits for that.
void wait_for_child(sqlite3* db, const std::vector<TrackedTable>& tables, const TrackedTable& table, const Row& key,
                    std::int64_t rejected) {
  for (const TrackedTable& child : tables) {
    if (!child.hub || child.local.key.empty()) continue;
    for (const HubReference& reference : child.hub->references) {
      if (reference.table != table.hub->name) continue;
      Statement list(db,
                     "select id, key, held from main.tidemark_conflict where table_name = ?1 and held is not null"
                     " and id <> ?2");
      list.bind(1, std::string_view(child.local.name));
      list.bind(2, rejected);
      while (list.step()) {
        if (!refers_on_hub(db, child, list.integer(2), reference, table.local, key)) continue;
        if (let_wait(db, rejected, list.integer(0), child.local.name, std::string(list.text(1)))) return;
      }
    }
  }
}

}  // namespace

void wait_for_cause(sqlite3* db, const std::vector<TrackedTable>& tables, const TrackedTable& table, const Row& key) {
  const auto rejected = reject_of(db, table.local.name, key_json(key));
  if (!rejected) return;
  Writer writer(db, table);
  const auto present = writer.read(views_of(key));
  if (!present) return wait_for_child(db, tables, table, key, *rejected);
  for (const HubReference& reference : table.hub->references) {
    const auto parent = std::find_if(tables.begin(), tables.end(),
                                     [&](const TrackedTable& t) { return t.hub && t.hub->name == reference.table; });
    if (parent == tables.end() || parent->local.key.empty()) continue;
    const std::string parent_key = referred_key(db, table, key, *present, reference, parent->local);
    const auto cause = parent_key.empty() ? std::nullopt : reject_of(db, parent->local.name, parent_key);
    if (cause && let_wait(db, *rejected, *cause, parent->local.name, parent_key)) return;
  }
}

void move_held(sqlite3* db, const LocalTable& table, std::int64_t seq) {
  const std::string log = "main." + log_name(table);
  Statement move(db,
                 "update " + log + " set seq = (select max(seq) + 1 from " + log + ") where seq = ?1 returning seq");
  move.bind(1, seq);
  if (!move.step()) return;
  Statement note(db, "update main.tidemark_conflict set held = ?1 where held = ?2 and table_name = ?3");
  note.bind(1, move.integer(0));
  note.bind(2, seq);
  note.bind(3, std::string_view(table.name));
  note.run();
  mark_heard(db, table.number);
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

void release_outdated(sqlite3* db, const LocalTable& table, std::string_view column) {
  Statement release(db,
                    "update main.tidemark_conflict set state = 'retried', held = null where table_name = ?1"
                    " and held is not null and (sqlstate = '42P01' or column_name = ?2 collate nocase)");
  release.bind(1, std::string_view(table.name));
  release.bind(2, column);
  release.run();
}

void drop_log(sqlite3* db, std::int64_t table_number, std::int64_t upto) {
  Statement drop(
      db, "delete from main.tidemark_log_" + std::to_string(table_number) +
              " where seq <= ?1 and seq not in (select c.held from main.tidemark_conflict c join main.tidemark_table t"
              " on t.name = c.table_name where t.number = ?2 and c.held is not null)");
  drop.bind(1, upto);
  drop.bind(2, table_number);
  drop.run();
  mark_heard(db, table_number);
}

}  // namespace tidemark::device
