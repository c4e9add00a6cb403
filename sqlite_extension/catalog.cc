#include "sqlite_extension/catalog.h"

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include "common/error.h"
#include "common/quote.h"
#include "common/triggers.h"
#include "common/wire.h"
#include "embedded_sql.h"
#include "sqlite_extension/policies.h"
#include "sqlite_extension/views.h"

namespace tidemark::device {
namespace {

TableState state_named(std::string_view name) {
  if (name == "loading") return TableState::kLoading;
  if (name == "ready") return TableState::kReady;
  if (name == "refused") return TableState::kRefused;
  return TableState::kNew;
}

constexpr char kSelectTracked[] =
    "select number, name, columns, hub, state, problem, load_after, since, sweep from main.tidemark_table";

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
      unusable = "table \"" + name + "\" is gone";
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
  table.sweep = statement.integer(8) != 0;
  find_policies(db, table);
  if (!unusable.empty()) {
    table.state = TableState::kRefused;
    table.problem = unusable;
  }
  return table;
}

[[noreturn]] void unsupported(std::string_view table, const std::string& what, const std::string& hint) {
  throw Error(ErrorCode::kUnsupported, "table \"" + std::string(table) + "\" " + what, hint);
}

// The collation of each column of an index, or of the table's key.
bool is_binary(std::string_view collation) { return same_name(collation, "BINARY"); }

struct RawColumn {
  LocalColumn column;
  int key_place = 0;  // 1, 2 … in the primary key; 0 outside
};

std::vector<RawColumn> raw_columns(sqlite3* db, std::string_view table) {
  Statement info(db, "select name, type, \"notnull\", dflt_value, pk, hidden from pragma_table_xinfo(?1, 'main')");
  info.bind(1, table);
  std::vector<RawColumn> columns;
  while (info.step()) {
    if (info.integer(5) != 0) continue;  // generated, or hidden in a virtual table
    RawColumn raw;
    raw.column.name = info.text(0);
    if (!simdjson::validate_utf8(raw.column.name)) {
      unsupported(table, "has a column whose name is not valid UTF-8", "Rename the column.");
    }
    raw.column.declared_type = info.text(1);
    raw.column.affinity = affinity_of(raw.column.declared_type);
    raw.column.not_null = info.integer(2) != 0;
    raw.column.default_sql = info.text(3);
    raw.key_place = static_cast<int>(info.integer(4));
    const char* collation = nullptr;
    const std::string table_name(table);
    const int code = sqlite3_table_column_metadata(db, "main", table_name.c_str(), raw.column.name.c_str(), nullptr,
                                                   &collation, nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) throw_sqlite_error(db, code);
    raw.column.binary_collation = !collation || is_binary(collation);
    columns.push_back(std::move(raw));
  }
  return columns;
}

struct Indexes {
  std::vector<std::string> key_collations;
  std::vector<UniqueSet> unique;
};

Indexes unique_indexes(sqlite3* db, std::string_view table) {
  Indexes indexes;
  Statement list(db, "select name, origin, partial from pragma_index_list(?1, 'main') where \"unique\" = 1 order by name");
  list.bind(1, table);
  while (list.step()) {
    const bool of_key = list.text(1) == "pk";
    const std::string index(list.text(0));
    Statement info(db, "select name, cid, coll from pragma_index_xinfo(?1, 'main') where key = 1 order by seqno");
    info.bind(1, index);
    UniqueSet set;
    set.partial = list.integer(2) != 0;
    while (info.step()) {
      if (info.integer(1) == -2) {
        unsupported(table, "has a UNIQUE index \"" + index + "\" over an expression",
                    "REPLACE could delete rows through it unseen. Put the expression into a generated column's place: "
                    "an ordinary column with a UNIQUE index, or make the index not unique.");
      }
      set.columns.emplace_back(info.text(0));
      set.collations.emplace_back(info.text(2));
    }
    if (of_key) {
      indexes.key_collations = std::move(set.collations);
    } else {
      indexes.unique.push_back(std::move(set));
    }
  }
  return indexes;
}

std::string free_rowid_name(const std::vector<RawColumn>& columns) {
  for (const char* name : {"rowid", "_rowid_", "oid"}) {
    const bool taken = std::any_of(columns.begin(), columns.end(), [&](const RawColumn& raw) { return same_name(raw.column.name, name); });
    if (!taken) return name;
  }
  return "";
}

}  // namespace

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
  return find.step();
}

void ensure_metadata(sqlite3* db) {
  if (has_metadata(db)) return;
  Savepoint savepoint(db);
  execute(db, sql::kMetadata);
  set_meta(db, "version", "1");
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
  Statement set(db, "insert into main.tidemark_meta values (?1, ?2) on conflict (key) do update set value = excluded.value");
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
                 "update main.tidemark_table set state = ?2, problem = ?3, load_after = ?4, since = ?5, sweep = ?6 where number = ?1");
  save.bind(1, table.local.number);
  save.bind(2, name_of(table.state));
  if (!table.problem.empty()) save.bind(3, std::string_view(table.problem));
  if (table.load_after) save.bind(4, std::string_view(*table.load_after));
  save.bind(5, table.since);
  save.bind(6, std::int64_t{table.sweep});
  save.run();
}

namespace {

std::optional<LocalTable> read_shape(sqlite3* db, std::string_view name, const std::vector<std::string>& known) {
  Statement find(db,
                 "select m.name, m.type, l.type, l.wr, l.strict from main.sqlite_master m"
                 " join pragma_table_list l on l.schema = 'main' and l.name = m.name"
                 " where m.name = ?1 collate nocase and m.type in ('table', 'view')");
  find.bind(1, name);
  if (!find.step()) return std::nullopt;

  LocalTable table;
  table.name = find.text(0);
  if (find.text(1) == "view") unsupported(table.name, "is a view", "Track the tables that it shows.");
  if (find.text(2) == "virtual") unsupported(table.name, "is a virtual table", "Track an ordinary table instead; a full-text index can follow it by triggers.");
  if (find.text(2) == "shadow") unsupported(table.name, "belongs to a virtual table", "Track an ordinary table instead.");
  table.without_rowid = find.integer(3) != 0;

  const bool strict = find.integer(4) != 0;
  std::vector<RawColumn> columns = raw_columns(db, table.name);
  for (RawColumn& raw : columns) {
    // Elsewhere ANY is a name like others, with the numeric affinity.
    if (strict && same_name(raw.column.declared_type, "ANY")) raw.column.affinity = Affinity::kBlob;
  }
  table.rowid_name = table.without_rowid ? "" : free_rowid_name(columns);
  std::vector<RawColumn> key;
  std::copy_if(columns.begin(), columns.end(), std::back_inserter(key), [](const RawColumn& raw) { return raw.key_place > 0; });
  std::sort(key.begin(), key.end(), [](const RawColumn& a, const RawColumn& b) { return a.key_place < b.key_place; });
  for (RawColumn& raw : key) table.key.push_back(std::move(raw.column));
  if (table.key.empty()) {
    unsupported(table.name, "has no primary key", "Give it one, a TEXT key filled by tidemark_uuid() for example.");
  }
  table.rowid_alias = !table.without_rowid && table.key.size() == 1 && same_name(table.key[0].declared_type, "INTEGER");

  for (const std::string& column : known) {
    const auto found = std::find_if(columns.begin(), columns.end(), [&](const RawColumn& raw) {
      return raw.key_place == 0 && same_name(raw.column.name, column);
    });
    if (found == columns.end()) {
      throw Error(ErrorCode::kSchemaMismatch,
                  "column \"" + column + "\" of table \"" + table.name + "\" is gone, and it was tracked",
                  "Run tidemark_untrack('" + table.name + "') and tidemark_track('" + table.name + "') to track the table as it is now.");
    }
    table.columns.push_back(found->column);
    found->key_place = -1;  // taken
  }
  for (RawColumn& raw : columns) {
    if (raw.key_place == 0) table.columns.push_back(std::move(raw.column));
  }
  Indexes indexes = unique_indexes(db, table.name);
  table.unique = std::move(indexes.unique);
  table.key_collations = std::move(indexes.key_collations);
  for (std::size_t i = 0; i < table.key.size() && i < table.key_collations.size(); ++i) {
    if (!is_binary(table.key_collations[i])) table.key[i].binary_collation = false;
  }
  return table;
}

}  // namespace

struct Shapes {
  sqlite3* db = nullptr;
  std::int64_t schema = -1;
  std::map<std::pair<std::string, std::vector<std::string>>, std::optional<LocalTable>> tables;
};

static thread_local std::unique_ptr<Shapes> shapes;  // of the call that this thread is in

ShapeCache::ShapeCache(sqlite3* db) : outer_(std::make_unique<Shapes>()) {
  outer_->db = db;
  outer_.swap(shapes);
}

ShapeCache::~ShapeCache() { outer_.swap(shapes); }

std::optional<LocalTable> inspect_table(sqlite3* db, std::string_view name, const std::vector<std::string>& known) {
  if (!shapes || shapes->db != db) return read_shape(db, name, known);
  Statement version(db, "pragma main.schema_version");
  version.step();
  if (version.integer(0) != shapes->schema) {
    shapes->tables.clear();
    shapes->schema = version.integer(0);
  }
  auto key = std::make_pair(std::string(name), known);
  const auto found = shapes->tables.find(key);
  if (found != shapes->tables.end()) return found->second;
  return shapes->tables.emplace(std::move(key), read_shape(db, name, known)).first->second;
}

std::int64_t now_ms(sqlite3* db) {
  Statement now(db, std::string("select ") + kNowMs);
  now.step();
  return now.integer(0);
}

}  // namespace tidemark::device
