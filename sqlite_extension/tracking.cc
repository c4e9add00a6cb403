#include "sqlite_extension/tracking.h"

#include <algorithm>
#include <utility>

#include "common/error.h"
#include "common/quote.h"
#include "common/triggers.h"
#include "sqlite_extension/conflicts.h"
#include "sqlite_extension/description.h"
#include "sqlite_extension/load.h"
#include "sqlite_extension/policies.h"
#include "sqlite_extension/reject.h"
#include "sqlite_extension/vanished.h"
#include "sqlite_extension/views.h"

namespace tidemark::device {
namespace {

std::string columns_json(const LocalTable& table) {
  std::vector<std::string> names;
  for (const LocalColumn& column : table.columns) names.push_back(column.name);
  return names_json(names);
}

bool has_trigger(sqlite3* db, const Trigger& trigger) {
  Statement find(db, "select sql from main.sqlite_master where type = 'trigger' and name = ?1");
  find.bind(1, std::string_view(trigger.name));
  return find.step() && find.text(0) == trigger.sql;
}

bool triggers_are_current(sqlite3* db, const LocalTable& table) {
  const auto triggers = triggers_of(table);
  return std::all_of(triggers.begin(), triggers.end(),
                     [&](const Trigger& trigger) { return has_trigger(db, trigger); });
}

// Whether what was written since the last look is logged. The triggers that every shape of the table
// needs must be there, on this table: the application may have kept the old one under another name,
// and they went with it. And they must speak of the first `known` columns as ours would: SQLite lets
// them follow a column that is renamed, also where another has got its name since.
bool has_logged(sqlite3* db, LocalTable table, std::size_t known) {
  Statement find(db,
                 "select sql from main.sqlite_master where type = 'trigger' and name = ?1"
                 " and tbl_name = ?2 collate nocase");
  find.bind(2, std::string_view(table.name));
  table.columns.resize(known);
  for (const Trigger& trigger : triggers_of(table)) {
    const std::string verb = trigger.name.substr(0, trigger.name.rfind('_'));
    const bool names_columns = verb == "tidemark_update";
    if (!names_columns && verb != "tidemark_insert" && verb != "tidemark_delete") continue;
    find.bind(1, std::string_view(trigger.name));
    if (!find.step() || (names_columns && find.text(0) != trigger.sql)) return false;
    find.reset();
  }
  return true;
}

// Triggers that an earlier shape of the table needed are dropped.
void drop_triggers(sqlite3* db, std::int64_t number) {
  std::vector<std::string> triggers;
  Statement list(db, "select name from main.sqlite_master where type = 'trigger' and name like 'tidemark\\_%\\_" +
                         std::to_string(number) + "' escape '\\'");
  while (list.step()) triggers.emplace_back(list.text(0));
  list.reset();
  for (const std::string& trigger : triggers) execute(db, "drop trigger main." + quote_identifier(trigger));
}

void install_triggers(sqlite3* db, const LocalTable& table) {
  drop_triggers(db, table.number);
  for (const Trigger& trigger : triggers_of(table)) {
    execute(db, create_trigger_sql(trigger));
  }
}

std::vector<std::string> known_columns(sqlite3* db, std::int64_t number) {
  Statement find(db, "select columns from main.tidemark_table where number = ?1");
  find.bind(1, number);
  find.step();
  return names_in(find.text(0));
}

bool log_has_column(sqlite3* db, const LocalTable& table, const std::string& column) {
  Statement find(db, "select 1 from pragma_table_info(?1, 'main') where name = ?2");
  find.bind(1, std::string_view(log_name(table)));
  find.bind(2, std::string_view(column));
  return find.step();
}

// Gives the log room for columns that the table has gained. Rows that were
// written meanwhile are logged already: their new columns count as touched,
// with the column's default as the old value.
void extend_log(sqlite3* db, const LocalTable& table, std::size_t known) {
  const std::string log = "main." + log_name(table);
  for (std::size_t m = 0; m < mask_count(table.columns.size()); ++m) {
    const std::string mask = "m" + std::to_string(m);
    if (!log_has_column(db, table, mask)) execute(db, "alter table " + log + " add column " + mask);
  }
  for (std::size_t i = known; i < table.columns.size(); ++i) {
    const std::string column = "c" + std::to_string(i);
    if (!log_has_column(db, table, column)) execute(db, "alter table " + log + " add column " + column);
    const std::string& default_sql = table.columns[i].default_sql;
    const std::string mask = "m" + std::to_string(i / kMaskBits);
    const std::string bit = std::to_string(std::int64_t{1} << (i % kMaskBits));
    execute(db, "update " + log + " set " + column + " = " + (default_sql.empty() ? "null" : "(" + default_sql + ")") +
                    ", " + mask + " = ifnull(" + mask + ", 0) | " + bit + " where op in (2, 3, 4)");
  }
}

void note_dropped(sqlite3* db, const std::string& name, std::int64_t number) {
  Statement count(db, "select count(*) from main.tidemark_log_" + std::to_string(number) + " where op <> 0");
  count.step();
  if (count.integer(0) == 0) return;
  Conflict conflict;
  conflict.table = name;
  conflict.key = "[]";
  conflict.kind = "lost";
  conflict.message = "the table was dropped on this device with " + std::to_string(count.integer(0)) +
                     " logged changes that the hub had not confirmed";
  record(db, conflict);
}

}  // namespace

TrackedTable start_tracking(sqlite3* db, const LocalTable& shape, bool keys_given) {
  if (same_name(shape.name.substr(0, 9), "tidemark_") || same_name(shape.name.substr(0, 7), "sqlite_")) {
    throw Error(ErrorCode::kUnsupported, "the name \"" + shape.name + "\" is reserved",
                "Track a table of another name.");
  }
  if (shape.rowid_alias && !keys_given) {
    throw Error(
        ErrorCode::kUnsupported,
        "table \"" + shape.name +
            "\" has an INTEGER PRIMARY KEY, which counts up on each device by itself: two devices would make the same "
            "keys",
        "Use a TEXT key filled by tidemark_uuid(). If keys are always given, or this device never inserts, say so: "
        "tidemark_track(" +
            quote_literal(shape.name) + ", '{\"keys\":\"given\"}').");
  }
  Savepoint savepoint(db);
  Statement add(db, "insert into main.tidemark_table (name, columns, state) values (?1, ?2, 'new')");
  add.bind(1, std::string_view(shape.name));
  add.bind(2, std::string_view(columns_json(shape)));
  add.run();

  TrackedTable table;
  table.local = shape;
  table.local.number = sqlite3_last_insert_rowid(db);
  execute(db, create_log_sql(table.local));
  std::string log_keys;
  std::string keys;
  for (std::size_t i = 0; i < shape.key.size(); ++i) {
    log_keys += ", k" + std::to_string(i);
    keys += ", " + quote_identifier(shape.key[i].name);
  }
  // Time 0: what the hub has wins where the two differ.
  execute(db, "insert into " + log_name(table.local) + "(op, at" + log_keys + ") select 1, 0" + keys + " from main." +
                  quote_identifier(shape.name));
  install_triggers(db, table.local);
  make_views(db);
  savepoint.release();
  return table;
}

void end_tracking(sqlite3* db, const TrackedTable& table) {
  Savepoint savepoint(db);
  const std::string number = std::to_string(table.local.number);
  drop_triggers(db, table.local.number);
  release_refusals(db, table.local);
  Statement forget(db, "delete from main.tidemark_table where number = ?1");
  forget.bind(1, table.local.number);
  forget.run();
  execute(db, "delete from main.tidemark_sealed where table_number = " + number);
  execute(db, "delete from main.tidemark_displaced where table_number = " + number);
  make_views(db);
  execute(db, "drop table if exists main.tidemark_log_" + number);
  savepoint.release();
}

void refresh_tracking(sqlite3* db) {
  for (TrackedTable& table : tracked_tables(db)) {
    if (table.local.key.empty()) {
      Statement find(db, "select 1 from main.sqlite_master where name = ?1 collate nocase and type = 'table'");
      find.bind(1, std::string_view(table.local.name));
      if (find.step() || !renamed_to(db, table.local.number).empty()) {  // there, but not as it was
        save_state(db, table);
        continue;
      }
      find.reset();
      Savepoint savepoint(db);
      note_dropped(db, table.local.name, table.local.number);
      end_tracking(db, table);
      savepoint.release();
      continue;
    }
    // Refused for its shape, and now it fits: the hub is asked anew.
    if (table.state == TableState::kRefused && table.hub && table.problem != not_tracked(table.local.name) &&
        misfit(table.local, *table.hub).empty()) {
      clear_meta(db, "schema");
    }
    // The application has made it another: a column of its key renamed, or of a type that cannot hold the hub's.
    if (table.state != TableState::kRefused && table.hub) {
      const std::string problem = misfit(table.local, *table.hub);
      if (!problem.empty()) {
        table.problem = problem;
        table.state = TableState::kRefused;
        save_state(db, table);
      }
    }
    const std::size_t known = known_columns(db, table.local.number).size();
    if (known == table.local.columns.size() && triggers_are_current(db, table.local)) continue;

    Savepoint savepoint(db);
    // The table was rebuilt, or somebody dropped them: not all that was written meanwhile is logged.
    if (!has_logged(db, table.local, known)) {
      list_vanished(db, table);
      load_again_later(db, table, Sweep::kUnlogged);
    }
    // Refused when the two first met, and now it may fit.
    if (table.state == TableState::kRefused && !table.hub) clear_meta(db, "schema");
    extend_log(db, table.local, known);
    install_triggers(db, table.local);
    Statement note(db, "update main.tidemark_table set columns = ?2 where number = ?1");
    note.bind(1, table.local.number);
    note.bind(2, std::string_view(columns_json(table.local)));
    note.run();
    if (table.hub && table.state != TableState::kRefused) {
      find_policies(db, table);
      note_policies(db, table);
      table.problem = left_out(table.local, *table.hub);
      save_state(db, table);
    }
    // What the hub has in the new columns comes with its rows.
    std::vector<std::string> gained;
    for (std::size_t i = known; table.hub && i < table.local.columns.size(); ++i) {
      if (!table.hub->find(table.local.columns[i].name)) continue;
      gained.push_back(table.local.columns[i].name);
      release_outdated(db, table.local, gained.back());
    }
    load_columns(db, table, gained);
    savepoint.release();
  }
}

}  // namespace tidemark::device
