#include "sqlite_extension/reject.h"

#include "sqlite_extension/codec.h"

namespace tidemark::device {

void hold(sqlite3* db, Writer& writer, const Row& key, std::span<const std::int64_t> refused, std::span<const std::int64_t> later,
          const Refusal& refusal) {
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
  conflict.mine_at_ms = pending.at_ms;
  conflict.state = later.empty() ? "open" : "retried";
  conflict.sqlstate = refusal.sqlstate;
  conflict.message = refusal.message;
  conflict.hint = refusal.hint;
  if (later.empty()) conflict.held = seq;
  record(db, conflict);
}

std::vector<std::int64_t> held_entries(sqlite3* db, const LocalTable& table) {
  Statement list(db, "select held from main.tidemark_conflict where table_name = ?1 and held is not null");
  list.bind(1, std::string_view(table.name));
  std::vector<std::int64_t> held;
  while (list.step()) held.push_back(list.integer(0));
  return held;
}

bool has_refusals(sqlite3* db, const LocalTable& table) {
  Statement any(db, "select 1 from main.tidemark_conflict where kind = 'reject' and state = 'open' and table_name = ?1 limit 1");
  any.bind(1, std::string_view(table.name));
  return any.step();
}

void forget_refusals(sqlite3* db, const LocalTable& table, const Row& key) {
  Statement forget(db, "update main.tidemark_conflict set state = 'retried', held = null"
                       " where kind = 'reject' and state = 'open' and table_name = ?1 and key = ?2");
  forget.bind(1, std::string_view(table.name));
  forget.bind(2, std::string_view(key_json(key)));
  forget.run();
}

void drop_log(sqlite3* db, std::int64_t table_number, std::int64_t upto) {
  Statement drop(db, "delete from main.tidemark_log_" + std::to_string(table_number) +
                         " where seq <= ?1 and seq not in (select c.held from main.tidemark_conflict c join main.tidemark_table t"
                         " on t.name = c.table_name where t.number = ?2 and c.held is not null)");
  drop.bind(1, upto);
  drop.bind(2, table_number);
  drop.run();
}

}  // namespace tidemark::device
