// The shapes of tables as SQLite has them now.
#include <simdjson.h>

#include <algorithm>
#include <exception>
#include <map>
#include <memory>
#include <utility>

#include "common/error.h"
#include "sqlite_extension/catalog.h"

namespace tidemark::device {
namespace {

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
    raw.column.default_sql = default_expression(info.text(3));
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
  Statement list(db,
                 "select name, origin, partial from pragma_index_list(?1, 'main') where \"unique\" = 1 order by name");
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
    const bool taken = std::any_of(columns.begin(), columns.end(),
                                   [&](const RawColumn& raw) { return same_name(raw.column.name, name); });
    if (!taken) return name;
  }
  return "";
}

std::optional<LocalTable> read_shape(sqlite3* db, std::string_view name, const std::vector<std::string>& known) {
  Statement find(db, "select name, type, wr, strict from pragma_table_list(?1) where schema = 'main'");
  find.bind(1, name);
  if (!find.step()) return std::nullopt;

  LocalTable table;
  table.name = find.text(0);
  if (find.text(1) == "view") unsupported(table.name, "is a view", "Track the tables that it shows.");
  if (find.text(1) == "virtual")
    unsupported(table.name, "is a virtual table",
                "Track an ordinary table instead; a full-text index can follow it by triggers.");
  if (find.text(1) == "shadow")
    unsupported(table.name, "belongs to a virtual table", "Track an ordinary table instead.");
  table.without_rowid = find.integer(2) != 0;

  const bool strict = find.integer(3) != 0;
  std::vector<RawColumn> columns = raw_columns(db, table.name);
  for (RawColumn& raw : columns) {
    // Elsewhere ANY is a name like others, with the numeric affinity.
    if (strict && same_name(raw.column.declared_type, "ANY")) raw.column.affinity = Affinity::kBlob;
  }
  table.rowid_name = table.without_rowid ? "" : free_rowid_name(columns);
  std::vector<RawColumn> key;
  std::copy_if(columns.begin(), columns.end(), std::back_inserter(key),
               [](const RawColumn& raw) { return raw.key_place > 0; });
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
                  "Run tidemark_untrack('" + table.name + "') and tidemark_track('" + table.name +
                      "') to track the table as it is now.");
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
  std::int64_t schema = -1;
  bool checked = false;
  std::map<std::pair<std::string, std::vector<std::string>>, std::optional<LocalTable>> tables;
};

namespace {

thread_local sqlite3* connection = nullptr;  // of the call that this thread is in
thread_local Shapes* shapes = nullptr;       // what it knows

// Forgets them if the schema is another now.
void catch_up() {
  Statement version(connection, "pragma main.schema_version");
  version.step();
  if (version.integer(0) == shapes->schema) return;
  *shapes = Shapes{};
  shapes->schema = version.integer(0);
}

}  // namespace

std::shared_ptr<Shapes> make_shapes() { return std::make_shared<Shapes>(); }

ShapeCache::ShapeCache(sqlite3* db, Shapes& of_connection)
    : outer_db_(std::exchange(connection, db)),
      outer_(std::exchange(shapes, &of_connection)),
      exceptions_(std::uncaught_exceptions()) {}

ShapeCache::~ShapeCache() {
  if (std::uncaught_exceptions() > exceptions_) *shapes = Shapes{};
  connection = outer_db_;
  shapes = outer_;
}

void ShapeCache::check_once(void (*check)(sqlite3* db)) {
  catch_up();
  if (shapes->checked) return;
  const std::int64_t before = shapes->schema;
  check(connection);
  catch_up();
  shapes->checked = shapes->schema == before;
}

std::optional<LocalTable> inspect_table(sqlite3* db, std::string_view name, const std::vector<std::string>& known) {
  if (connection != db) return read_shape(db, name, known);
  catch_up();
  auto key = std::make_pair(std::string(name), known);
  const auto found = shapes->tables.find(key);
  if (found != shapes->tables.end()) return found->second;
  return shapes->tables.emplace(std::move(key), read_shape(db, name, known)).first->second;
}

}  // namespace tidemark::device
