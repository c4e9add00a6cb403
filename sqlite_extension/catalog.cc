#include "sqlite_extension/catalog.h"

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include "common/error.h"
#include "common/json_text.h"
#include "common/quote.h"
#include "common/triggers.h"
#include "common/wire.h"
#include "embedded_sql.h"
#include "sqlite_extension/policies.h"
#include "sqlite_extension/views.h"

namespace tidemark::device {
namespace {

// Of metadata.sql: another one for each change of a table's shape.
constexpr char kMetadataVersion[] = "3";

TableState state_named(std::string_view name) {
  if (name == "loading") return TableState::kLoading;
  if (name == "ready") return TableState::kReady;
  if (name == "refused") return TableState::kRefused;
  return TableState::kNew;
}

constexpr char kSelectTracked[] =
    "select number, name, columns, hub, state, problem, load_after, since, sweep, gained, until from "
    "main.tidemark_table";

// Reads the row `statement` stands on; the shape is what SQLite has now.
TrackedTable tracked_from(sqlite3* db, const Statement& statement) {
  TrackedTable table;
  const std::vector<std::string> known = names_in(statement.text(2));
  const std::string name(statement.text(1));
  table.local.name = name;
  std::string unusable;
  try {
    auto local = inspect_table(db, name, known);
    if (local) {
      table.local = std::move(*local);
    } else {
      const std::string now = renamed_to(db, statement.integer(0));
      unusable = "table \"" + name + "\" is " +
                 (now.empty() ? "gone"
                              : "now named \"" + now + "\": rename it back, or run tidemark_untrack('" + name +
                                    "') and track the other");
    }
  } catch (const Error& error) {
    unusable = std::string(error.what()) + ". " + error.hint();  // this table waits, the others go on
  }
  table.local.number = statement.integer(0);
  if (!statement.is_null(3)) table.hub = hub_table_from(statement.text(3));
  table.state = state_named(statement.text(4));
  table.problem = statement.text(5);
  if (!statement.is_null(6)) table.load_after = statement.text(6);
  table.since = statement.integer(7);
  table.sweep = static_cast<Sweep>(statement.integer(8));
  if (!statement.is_null(9)) table.gained = names_in(statement.text(9));
  table.until = statement.integer(10);
  find_policies(db, table);
  if (!unusable.empty()) {
    table.state = TableState::kRefused;
    table.problem = unusable;
  }
  return table;
}

}  // namespace

std::string renamed_to(sqlite3* db, std::int64_t number) {
  Statement find(db, "select tbl_name from main.sqlite_master where type = 'trigger' and name = ?1");
  find.bind(1, std::string_view("tidemark_insert_" + std::to_string(number)));
  return find.step() ? std::string(find.text(0)) : "";
}

std::string_view name_of(TableState state) {
  switch (state) {
    case TableState::kNew: return "new";
    case TableState::kLoading: return "loading";
    case TableState::kReady: return "ready";
    case TableState::kRefused: return "refused";
  }
  return "new";
}

bool has_metadata(sqlite3* db) {
  Statement find(db, "select 1 from main.sqlite_master where type = 'table' and name = 'tidemark_meta'");
  if (!find.step()) return false;
  find.reset();
  const std::string version = meta(db, "version").value_or("");
  if (version == kMetadataVersion) return true;
  throw Error(ErrorCode::kWrongState,
              "another build of Tidemark made its tables in this database, in version \"" + version +
                  "\" of their shape, and this one needs \"" + kMetadataVersion + "\"",
              "Sync once more with that build, and go on with a new file.");
}

void ensure_metadata(sqlite3* db) {
  if (has_metadata(db)) return;
  Savepoint savepoint(db);
  execute(db, sql::kMetadata);
  set_meta(db, "version", kMetadataVersion);
  make_views(db);
  savepoint.release();
}

std::optional<std::string> meta(sqlite3* db, std::string_view key) {
  Statement find(db, "select value from main.tidemark_meta where key = ?1");
  find.bind(1, key);
  if (!find.step() || find.is_null(0)) return std::nullopt;
  return std::string(find.text(0));
}

std::int64_t meta_integer(sqlite3* db, std::string_view key, std::int64_t otherwise) {
  Statement find(db, "select value from main.tidemark_meta where key = ?1");
  find.bind(1, key);
  return find.step() ? find.integer(0) : otherwise;
}

void set_meta(sqlite3* db, std::string_view key, std::string_view value) {
  Statement set(
      db, "insert into main.tidemark_meta values (?1, ?2) on conflict (key) do update set value = excluded.value");
  set.bind(1, key);
  set.bind(2, value);
  set.run();
}

void clear_meta(sqlite3* db, std::string_view key) {
  Statement clear(db, "delete from main.tidemark_meta where key = ?1");
  clear.bind(1, key);
  clear.run();
}

std::vector<std::string> names_in(std::string_view json) {
  simdjson::dom::parser parser;
  std::vector<std::string> names;
  for (const simdjson::dom::element name : simdjson::dom::array(parse_body(parser, json))) {
    names.emplace_back(name.get_string().value());
  }
  return names;
}

std::string names_json(const std::vector<std::string>& names) {
  std::string json = "[";
  for (const std::string& name : names) {
    if (json.size() > 1) json += ',';
    append_json_string(json, name);
  }
  return json + "]";
}

std::vector<TrackedTable> tracked_tables(sqlite3* db) {
  std::vector<TrackedTable> tables;
  Statement list(db, std::string(kSelectTracked) + " order by number");
  while (list.step()) tables.push_back(tracked_from(db, list));
  return tables;
}

std::optional<TrackedTable> find_tracked(sqlite3* db, std::string_view name) {
  Statement find(db, std::string(kSelectTracked) + " where name = ?1");
  find.bind(1, name);
  if (!find.step()) return std::nullopt;
  return tracked_from(db, find);
}

void save_state(sqlite3* db, const TrackedTable& table) {
  Statement save(db,
                 "update main.tidemark_table set state = ?2, problem = ?3, load_after = ?4, since = ?5, sweep = ?6,"
                 " gained = ?7, until = ?8 "
                 "where number = ?1");
  save.bind(1, table.local.number);
  save.bind(2, name_of(table.state));
  if (!table.problem.empty()) save.bind(3, std::string_view(table.problem));
  if (table.load_after) save.bind(4, std::string_view(*table.load_after));
  save.bind(5, table.since);
  save.bind(6, static_cast<std::int64_t>(table.sweep));
  if (!table.gained.empty()) save.bind(7, std::string_view(names_json(table.gained)));
  save.bind(8, table.until);
  save.run();
}

void note_read(sqlite3* db, std::int64_t cursor) {
  Statement note(db, "update main.tidemark_table set until = -1 where state = 'ready' and until >= 0 and until <= ?1");
  note.bind(1, cursor);
  note.run();
}

std::int64_t now_ms(sqlite3* db) {
  Statement now(db, std::string("select ") + kNowMs);
  now.step();
  return now.integer(0);
}

}  // namespace tidemark::device
