#include "sqlite_extension/views.h"

#include "common/error.h"
#include "common/json_text.h"
#include "common/quote.h"
#include "sqlite_extension/catalog.h"

namespace tidemark::device {
namespace {

constexpr char kConflictsView[] = R"sql(
create view tidemark_conflicts as
  select id, table_name, key, column_name, kind, base, mine, theirs, result, policy, state,
         mine_at, theirs_at, device, seq, sqlstate, message, hint, noticed_at
  from tidemark_conflict)sql";

constexpr char kTablesView[] = R"sql(
create view tidemark_tables as
  select t.name as table_name, t.state, t.problem, t.policies, t.deletes,
         (select count(*) from tidemark_pending p where p.table_name = t.name) as pending,
         (select count(*) from tidemark_conflict c where c.table_name = t.name and c.state = 'open') as conflicts
  from tidemark_table t)sql";

// The text `part` as a JSON string; of the control characters the usual three
// are escaped (SQLite's parser bears no deeper nesting). Only functions that SQLite allows in a view
// when the application distrusts the schema; json_array() is not among them.
std::string json_string(const std::string& part) {
  std::string sql = "replace(replace(" + part + ", '\\', '\\\\'), '\"', '\\\"')";
  for (const int control : {9, 10, 13}) {
    std::string escaped;
    append_json_string(escaped, std::string(1, static_cast<char>(control)));
    sql =
        "replace(" + sql + ", char(" + std::to_string(control) + "), '" + escaped.substr(1, escaped.size() - 2) + "')";
  }
  return "'\"' || " + sql + " || '\"'";
}

// The shortest of SQLite's forms of a double that reads back as the same.
std::string json_real(const std::string& part) {
  return "case when " + part + " = 9e999 then '{\"real\":\"inf\"}' when " + part +
         " = -9e999 then '{\"real\":\"-inf\"}'" + " when cast(printf('%!.15g', " + part + ") as real) = " + part +
         " then printf('%!.15g', " + part + ")" + " when cast(printf('%!.16g', " + part + ") as real) = " + part +
         " then printf('%!.16g', " + part + ")" + " else printf('%!.17g', " + part + ") end";
}

// The key as a JSON array, as codec.h writes it.
std::string key_array(std::int64_t key_columns) {
  std::string sql = "'['";
  for (std::int64_t i = 0; i < key_columns; ++i) {
    const std::string part = "k" + std::to_string(i);
    sql += (i == 0 ? "" : " || ','");
    sql += " || case typeof(" + part + ") when 'text' then case when instr(" + part +
           ", char(0)) then '{\"hex\":\"' || hex(" + part + ") || '\"}' else " + json_string(part) +
           " end when 'integer' then cast(" + part + " as text)" + " when 'blob' then '{\"hex\":\"' || hex(" + part +
           ") || '\"}' when 'real' then " + json_real(part) + " else 'null' end";
  }
  return sql + " || ']'";
}

// The pending changes of one table, one row a key. Only the log is read: a view
// that names a table of the application would stand in the way when it is rebuilt.
// Whether the row is there is told by the last thing that was done to it; of a
// row that may have gone (4) a delete (3) does not tell whether it came before the
// new row or after, so it is listed, as is one that a trigger may have moved back
// (1) before its going (5) was logged.
std::string pending_of(const std::string& table, const std::string& number, std::int64_t key_columns) {
  const std::string log = "tidemark_log_" + number;
  const std::string name = quote_literal(table);
  std::string keys;
  std::string groups;
  std::string known_key;
  for (std::int64_t i = 0; i < key_columns; ++i) {
    const std::string part = "k" + std::to_string(i);
    keys += (i == 0 ? "" : ", ") + part;
    groups += (i == 0 ? "" : ", ") + part + ", typeof(" + part + ")";
    known_key += (i == 0 ? "" : " and ") + part + " is not null";
  }
  return "select " + name + " as table_name, " + key_array(key_columns) + " as key,\n" +
         "  case when gone then 'delete' when begun = 1 then 'insert' else 'update' end as operation,\n" +
         "  case when exists (select 1 from tidemark_conflict where table_name = " + name + " and held = last)\n" +
         "      then (select case state when 'waiting' then state else 'rejected' end from tidemark_conflict\n" +
         "        where table_name = " + name + " and held = last)\n" +
         "    when last <= (select max(s.upto) from tidemark_sealed s join tidemark_push p using (number)\n" +
         "      where s.table_number = " + number + " and p.state = 'accepted') then 'accepted'\n" +
         "    when last <= (select max(s.upto) from tidemark_sealed s where s.table_number = " + number +
         ") then 'sent'\n" + "    else 'pending' end as state,\n" + "  changed_at\n" + "from (select " + keys +
         ", last, changed_at, (select op from " + log + " where seq = first) as begun,\n" +
         "    (select op = 5 and went > ifnull(came, 0) or op = 3 and went is null from " + log +
         " where seq = last) as gone\n" + "  from (select " + keys +
         ", min(seq) as first, max(seq) as last, max(at) as changed_at, \n" +
         "      max(case op when 1 then seq end) as came, max(case op when 4 then seq end) as went\n" + "    from " +
         log + " where op <> 0 and " + known_key + " group by " + groups + "))\n" + "where begun <> 1 or not gone";
}

}  // namespace

void make_views(sqlite3* db) {
  std::string pending;
  // The logs tell all that is needed: to read the shape of every table would make each that is tracked dearer.
  Statement list(db,
                 "select name, number, (select count(*) from pragma_table_info('tidemark_log_' || number, 'main')"
                 " where name glob 'k*') from main.tidemark_table order by number");
  int terms = 0;
  while (list.step()) {
    pending += (pending.empty() ? "" : "\nunion all\n") +
               pending_of(std::string(list.text(0)), std::string(list.text(1)), list.integer(2));
    ++terms;
  }
  list.reset();
  const int most = sqlite3_limit(db, SQLITE_LIMIT_COMPOUND_SELECT, -1);
  if (most > 0 && terms > most) {
    throw Error(ErrorCode::kUnsupported,
                "one database cannot have more than " + std::to_string(most) + " tracked tables",
                "SQLite allows a view, here tidemark_pending, no more SELECTs (SQLITE_LIMIT_COMPOUND_SELECT). Untrack "
                "a table that need not sync, or keep some in another file.");
  }
  if (pending.empty()) {
    pending =
        "select null as table_name, null as key, null as operation, null as state, null as changed_at where false";
  }
  execute(db,
          "drop view if exists main.tidemark_tables; drop view if exists main.tidemark_conflicts;"
          "drop view if exists main.tidemark_pending");
  execute(db, "create view tidemark_pending as\n" + pending);
  execute(db, kConflictsView);
  execute(db, kTablesView);
}

}  // namespace tidemark::device
