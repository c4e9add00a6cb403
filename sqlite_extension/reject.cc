#include "sqlite_extension/reject.h"

#include <algorithm>

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

void release_outdated(sqlite3* db, const LocalTable& table, std::string_view column) {
  // Of the constraints, only NOT NULL says which column it is about.
  Statement release(db,
                    "update main.tidemark_conflict set state = 'retried', held = null where table_name = ?1"
                    " and held is not null and (sqlstate = '42P01' or column_name = ?2 collate nocase"
                    " or (?2 <> '' and column_name is null and sqlstate like '23%'))");
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
