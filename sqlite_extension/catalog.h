// What this database knows of itself: the tables of sql/sqlite/metadata.sql,
// and the shapes of the tracked tables as SQLite has them now.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/policy.h"
#include "common/table.h"
#include "sqlite_extension/statement.h"

namespace tidemark::device {

// True once the metadata tables are there. Throws Error{kWrongState} for those of another build.
bool has_metadata(sqlite3* db);

// Makes the metadata tables and the views if they are missing.
void ensure_metadata(sqlite3* db);

// One value of tidemark_meta; nullopt if it was never set.
std::optional<std::string> meta(sqlite3* db, std::string_view key);
std::int64_t meta_integer(sqlite3* db, std::string_view key, std::int64_t otherwise);
void set_meta(sqlite3* db, std::string_view key, std::string_view value);
void clear_meta(sqlite3* db, std::string_view key);

enum class TableState {
  kNew,      // the hub's rows are still to be loaded
  kLoading,  // some pages are in
  kReady,
  kRefused,  // the hub has no such table, or its columns do not fit; still captured
};

std::string_view name_of(TableState state);

// What is listed of a table that is loaded again. A table that is ready is to be loaded
// again once the log is read.
enum class Sweep {
  kNothing,
  kLost,      // rows that the hub no longer has
  kUnlogged,  // and rows that differ: its triggers were missing for a time
};

struct TrackedTable {
  LocalTable local;
  std::optional<HubTable> hub;
  std::vector<Policy> policies;  // in force; one for each of local.columns
  DeleteRule deletes = DeleteRule::kDeleteWins;
  TableState state = TableState::kNew;
  std::string problem;
  std::optional<std::string> load_after;
  std::int64_t since = -1;  // commits up to this one are in the rows; -1: not begun
  Sweep sweep = Sweep::kNothing;
  std::int64_t until = -1;  // its rows are of one moment once the log is read up to here; -1: they are
  std::vector<std::string> gained;

  bool is_loading() const { return state == TableState::kNew || state == TableState::kLoading; }
};

// A JSON array of names, as tidemark_table.columns has it.
std::vector<std::string> names_in(std::string_view json);
std::string names_json(const std::vector<std::string>& names);

// All tracked tables, parents first as far as the hub told.
std::vector<TrackedTable> tracked_tables(sqlite3* db);

std::optional<TrackedTable> find_tracked(sqlite3* db, std::string_view name);

// The name of the table that has the triggers of a tracked one; empty if none has.
std::string renamed_to(sqlite3* db, std::int64_t number);

void save_state(sqlite3* db, const TrackedTable& table);

// Notes that the log is read up to `cursor`, and that there was no more of it.
void note_read(sqlite3* db, std::int64_t cursor);

// The table as SQLite has it now; nullopt if there is none of that name.
// `known` are the columns that have bits already, in their order; new ones go
// behind. Throws Error{kUnsupported} for what cannot be captured: a view, a
// virtual table, no primary key, an expression in a UNIQUE index.
std::optional<LocalTable> inspect_table(sqlite3* db, std::string_view name, const std::vector<std::string>& known);

// The shapes of one file's tables in one state of its schema, kept as long as the
// application's connection: a sync asks for all of them at every step.
struct Shapes;
std::shared_ptr<Shapes> make_shapes();

// While one lives on a thread, inspect_table() looks into `shapes` first. It is for
// one call that begins outside of any transaction; what a call that throws saw, and
// then rolled back, is forgotten.
class ShapeCache {
 public:
  ShapeCache(sqlite3* db, Shapes& shapes);
  ~ShapeCache();
  ShapeCache(const ShapeCache&) = delete;
  ShapeCache& operator=(const ShapeCache&) = delete;

  // Runs `check`, unless it ran before in this state of the schema and changed nothing in it.
  void check_once(void (*check)(sqlite3* db));

 private:
  sqlite3* outer_db_;
  Shapes* outer_;
  int exceptions_;
};

// Milliseconds since 1970 by this machine's clock.
std::int64_t now_ms(sqlite3* db);

}  // namespace tidemark::device
