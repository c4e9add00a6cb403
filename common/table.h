// What the two sides know of a table: the hub's description of it, and the
// shape it has in a SQLite database.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/kind.h"

namespace tidemark {

// One column as the hub describes it (docs/protocol.md, GET /v1/tables).
struct HubColumn {
  std::string name;
  Kind kind = Kind::kText;
  bool not_null = false;
  bool generated_default = false;  // the hub fills it by an expression only it can evaluate
  bool has_default = false;
  std::string default_sql;  // as SQLite writes it; empty where there is none it could evaluate
  std::string policy;       // as common/policy.h reads it; empty if it has none of its own
};

struct HubReference {
  std::vector<std::string> columns;
  std::string table;
  std::vector<std::string> to;
};

struct HubTable {
  std::string name;
  std::string keys;  // "none", "given" or "hub": who makes keys that a counter could make
  std::vector<HubColumn> key;
  std::vector<HubColumn> columns;
  std::vector<std::vector<std::string>> unique;
  std::vector<HubReference> references;
  std::string policy;       // of the columns that have none of their own; empty for the default
  std::string deletes;      // "delete_wins" or "update_wins"; empty for the default
  std::string description;  // the JSON it was read from

  const HubColumn* find(std::string_view column) const;
};

// Reads one entry of "tables". Throws Error{kProtocol} for what is not the protocol.
HubTable hub_table_from(std::string_view json);

// The table of that name; null if there is none.
const HubTable* find_table(const std::vector<HubTable>& tables, std::string_view name);

// SQLite's column affinities (https://www.sqlite.org/datatype3.html#determination_of_column_affinity).
enum class Affinity { kInteger, kText, kBlob, kReal, kNumeric };

Affinity affinity_of(std::string_view declared_type);

// A column's default as an expression. As written in the table a lone name, quoted or not,
// is text; anywhere else it would be a column.
std::string default_expression(std::string_view written);

struct LocalColumn {
  std::string name;
  std::string declared_type;
  Affinity affinity = Affinity::kBlob;
  std::string default_sql;  // an expression; empty for none
  bool not_null = false;
  bool binary_collation = true;

  // Whether a UUID of the hub is kept here as 16 bytes; otherwise as text.
  bool holds_bytes() const;
};

// Columns whose values together no two rows share, with the collation by which
// the index compares each.
struct UniqueSet {
  std::vector<std::string> columns;
  std::vector<std::string> collations;  // BINARY, NOCASE …; one for each column
  bool partial = false;                 // an index with a WHERE: other columns may bring a row into it
};

// A table of a SQLite database: the columns that are captured, in the order in
// which they have their bits in a log's mask. Generated columns are not among them.
struct LocalTable {
  std::int64_t number = 0;  // of its log: tidemark_log_<number>
  std::string name;
  std::vector<LocalColumn> key;
  std::vector<LocalColumn> columns;
  std::vector<std::string> key_collations;  // of the key's index, one for each key column; empty: BINARY
  std::vector<UniqueSet> unique;            // UNIQUE indexes besides the key's
  bool without_rowid = false;
  bool rowid_alias = false;  // a single INTEGER PRIMARY KEY
  std::string rowid_name;    // rowid, _rowid_ or oid, whichever no column hides; empty if none

  // The column of that name, of the key or not; null for generated and unknown ones.
  const LocalColumn* find(std::string_view column) const;

  // The place of a column in `columns`; nullopt for the key's and unknown ones.
  // Names compare as SQLite compares them: ASCII letters without case.
  std::optional<std::size_t> place_of(std::string_view column) const;
};

bool same_name(std::string_view a, std::string_view b);

// The statement that creates on a device the table that the hub describes.
// `referenced` says which tables exist there already: only to these a foreign
// key is declared.
std::string create_table_sql(const HubTable& hub, const std::vector<std::string>& referenced);

// Why a column declared like this cannot hold what the hub sends for that
// kind without changing it; nullopt if it can.
std::optional<std::string> cannot_hold(const LocalColumn& local, Kind kind);

}  // namespace tidemark
