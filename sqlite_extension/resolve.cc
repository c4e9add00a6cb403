#include "sqlite_extension/resolve.h"

#include <algorithm>
#include <deque>
#include <map>

#include "common/error.h"
#include "common/json_text.h"
#include "common/quote.h"
#include "common/reconcile.h"
#include "sqlite_extension/codec.h"
#include "sqlite_extension/load.h"
#include "sqlite_extension/open_conflict.h"
#include "sqlite_extension/pushes.h"
#include "sqlite_extension/writer.h"

namespace tidemark::device {
namespace {

// A value in the form that its column has here: a uuid may be a blob.
Value fitted(Kind kind, bool uuid_as_bytes, const Value& value) {
  if (kind != Kind::kUuid || !uuid_as_bytes || value.view().type != Type::kText) return value;
  WireValue wire;
  wire.type = WireValue::Type::kText;
  const ValueView view = value.view();
  wire.text = view.bytes;
  std::deque<std::string> kept;
  return Value(from_wire(kind, uuid_as_bytes, wire, kept));
}

void close(sqlite3* db, std::int64_t id, const char* state) {
  Statement note(db, "update main.tidemark_conflict set state = ?2, held = null where id = ?1");
  note.bind(1, id);
  note.bind(2, std::string_view(state));
  note.run();
}

// A reject, and those from before the table was tracked anew: they are about one row.
void close_rejects(sqlite3* db, std::int64_t id, const char* state) {
  Statement note(db,
                 "update main.tidemark_conflict set state = ?2, held = null where kind = 'reject'"
                 " and state in ('open', 'waiting')"
                 " and (table_name, key) = (select table_name, key from main.tidemark_conflict where id = ?1)");
  note.bind(1, id);
  note.bind(2, std::string_view(state));
  note.run();
}

bool is_there(sqlite3* db, const OpenConflict& conflict) {
  const LocalTable& local = conflict.table.local;
  Statement present(db, "select 1 from main." + quote_identifier(local.name) + where_key(local));
  int parameter = 1;
  for (const Value& part : conflict.key) present.bind(parameter++, part);
  return present.step();
}

// The application's own write would look like this: with triggers.
void write_columns(sqlite3* db, const OpenConflict& conflict, const std::map<std::string, Value>& values) {
  const LocalTable& local = conflict.table.local;
  const std::string table = "main." + quote_identifier(local.name);
  const bool exists = is_there(db, conflict);
  if (!conflict.column.empty() && !local.place_of(conflict.column)) {
    throw Error(ErrorCode::kWrongState,
                "column \"" + conflict.column + "\" of conflict " + std::to_string(conflict.id) + " is gone",
                "Write the value where it belongs now, if it is wanted, and run tidemark_dismiss(id).");
  }
  std::string names;
  std::string places;
  std::string sets;
  for (const LocalColumn& column : local.key) {
    names += (names.empty() ? "" : ", ") + quote_identifier(column.name);
    places += places.empty() ? "?" : ", ?";
  }
  Row bound = conflict.key;
  for (const auto& [name, value] : values) {
    const auto place = local.place_of(name);
    if (!place) continue;  // of the key, or gone since
    const LocalColumn& column = local.columns[*place];
    const HubColumn* const known = conflict.table.hub ? conflict.table.hub->find(name) : nullptr;
    bound.push_back(known ? fitted(known->kind, column.holds_bytes(), value) : value);
    sets += (sets.empty() ? " set " : ", ") + quote_identifier(column.name) + " = ?" + std::to_string(bound.size());
    names += ", " + quote_identifier(column.name);
    places += ", ?";
  }
  if (exists && sets.empty()) return;
  if (!exists && !conflict.column.empty()) {
    throw Error(ErrorCode::kWrongState, "the row of conflict " + std::to_string(conflict.id) + " is gone",
                "Insert it anew if it is wanted, and run tidemark_dismiss(id).");
  }
  Statement write(db, exists ? "update " + table + sets + where_key(local)
                             : "insert into " + table + " (" + names + ") values (" + places + ")");
  for (std::size_t i = 0; i < bound.size(); ++i) write.bind(static_cast<int>(i) + 1, bound[i]);
  try {
    write.run();
  } catch (const SqliteError& error) {
    if (!error.is_constraint()) throw;
    throw SqliteError(error.code(), "conflict " + std::to_string(conflict.id) + " cannot be written: " + error.what() +
                                        ". Hint: Change what is in the way; or write the row yourself, then "
                                        "tidemark_dismiss(id).");
  }
}

void delete_row(sqlite3* db, const OpenConflict& conflict) {
  Statement remove(db,
                   "delete from main." + quote_identifier(conflict.table.local.name) + where_key(conflict.table.local));
  for (std::size_t i = 0; i < conflict.key.size(); ++i) remove.bind(static_cast<int>(i) + 1, conflict.key[i]);
  remove.run();
}

// What columns of policy sum have changed by counts on top of what the row has by now.
void add_sums(sqlite3* db, const OpenConflict& conflict, const std::map<std::string, Value>& base,
              std::map<std::string, Value>& mine) {
  Writer writer(db, conflict.table);
  const auto present = writer.read(views_of(conflict.key));
  for (auto& [name, value] : mine) {
    const auto place = conflict.table.local.place_of(name);
    if (!place || conflict.table.policies[*place].rule != Rule::kSum) continue;
    constexpr std::int64_t kLater = 1;  // where there is no number to add, it is as the person says
    value = reconcile(Rule::kSum, writer.kind(*place),
                      {true, base.at(name).view(), value.view(), (*present)[*place].view(), kLater, 0})
                .result;
  }
}

// One side of a conflict: a column's value, a row as JSON, or no row.
void write_side(sqlite3* db, const OpenConflict& conflict, const Value& side) {
  if (!conflict.column.empty()) return write_columns(db, conflict, {{conflict.column, side}});
  if (side.is_null()) return delete_row(db, conflict);
  std::map<std::string, Value> values = members_of(side);
  // A row that was set aside, and came back as the hub has it: what was changed here.
  if (conflict.kind == "unique" && !conflict.base.is_null() && is_there(db, conflict)) {
    const auto changed = members_of(conflict.base);
    std::erase_if(values, [&](const auto& member) { return changed.count(member.first) == 0; });
    add_sums(db, conflict, changed, values);
  }
  write_columns(db, conflict, values);
}

// Gives up what is pending on a row: it becomes what the hub has. In an ApplyScope.
void take_back(sqlite3* db, const OpenConflict& conflict, TriggerRun& run) {
  Writer writer(db, conflict.table, &run);
  writer.pending().ensure(db);
  const auto key = views_of(conflict.key);
  const auto* const seqs = writer.pending().find(lookup_of(key));
  if (!seqs) return;
  const Pending pending = fold(read_entries(db, conflict.table.local, *seqs), conflict.table.local.columns.size());
  want_whole(db, conflict.table.local.number, seqs->front());
  void_entries(db, conflict.table.local, *seqs);
  if (!pending.base_exists) return writer.remove(key);
  Cells cells;
  for (std::size_t i = 0; i < pending.columns.size(); ++i) {
    if (!pending.columns[i].touched) continue;
    cells.places.push_back(i);
    cells.values.push_back(pending.columns[i].base.view());
  }
  if (writer.read(key)) {
    writer.update(key, cells, {});
  } else {
    writer.put(key, cells, {});
  }
  writer.settle({});
}

// Whether a side is what stayed: then nothing is to be written, and what either hub or
// device has made of it since stays.
bool stands(const OpenConflict& conflict, const Value& side) {
  return (conflict.kind == "update" || conflict.kind == "delete") && side == conflict.result;
}

// There is no other side to choose.
void refuse_dangling(const OpenConflict& conflict) {
  if (conflict.kind != "dangling") return;
  throw Error(ErrorCode::kWrongState,
              "conflict " + std::to_string(conflict.id) + " is a row that refers to a row that is not there",
              "Write the one or the other; the next sync closes the conflict. Or run tidemark_dismiss(id).");
}

}  // namespace

void resolve_mine(sqlite3* db, std::int64_t id) {
  const OpenConflict conflict = find_settleable(db, id);
  if (conflict.kind == "reject") return retry(db, id);
  refuse_dangling(conflict);
  if (conflict.is_refusal())
    throw Error(ErrorCode::kWrongState, "conflict " + std::to_string(id) + " has no side of this device's",
                "Run tidemark_dismiss(id) when it is settled.");
  Savepoint savepoint(db);
  if (!stands(conflict, conflict.mine)) write_side(db, conflict, conflict.mine);
  close(db, id, "resolved");
  savepoint.release();
}

void resolve_theirs(sqlite3* db, std::int64_t id) {
  OpenConflict conflict = find_settleable(db, id);
  refuse_dangling(conflict);
  std::optional<ApplyScope> unlogged;
  if (conflict.kind == "reject") unlogged.emplace(db);
  Savepoint savepoint(db);
  if (conflict.kind == "reject") {
    const std::vector<TrackedTable> tables = tracked_tables(db);
    TriggerRun run(db);
    take_back(db, conflict, run);
    if (has_application_triggers(db, tables)) run.play(tables);
    close_rejects(db, id, "resolved");
  } else if (conflict.is_refusal()) {
    load_again_later(db, conflict.table, Sweep::kLost);  // the hub may have another row by now
  } else if (conflict.kind != "unique" && conflict.kind != "lost" && !stands(conflict, conflict.theirs)) {
    write_side(db, conflict, conflict.theirs);
  }
  close(db, id, "resolved");
  savepoint.release();
}

void resolve_value(sqlite3* db, std::int64_t id, const Value& value) {
  const OpenConflict conflict = find_settleable(db, id);
  if (conflict.column.empty() || conflict.kind != "update") {
    throw Error(ErrorCode::kInvalidInput, "conflict " + std::to_string(id) + " is about a whole row, not a value",
                "Choose 'mine' or 'theirs', or write the row yourself and run tidemark_dismiss(id).");
  }
  Savepoint savepoint(db);
  write_columns(db, conflict, {{conflict.column, value}});
  close(db, id, "resolved");
  savepoint.release();
}

void retry(sqlite3* db, std::int64_t id) {
  const OpenConflict conflict = find_settleable(db, id);
  if (conflict.kind != "reject") {
    throw Error(ErrorCode::kWrongState, "conflict " + std::to_string(id) + " is no reject",
                "tidemark_resolve(id, 'mine') or 'theirs' settles it.");
  }
  close_rejects(db, id, "retried");
}

void dismiss(sqlite3* db, std::int64_t id) {
  const OpenConflict conflict = find_open(db, id);
  if (conflict.kind == "reject" && conflict.held) {
    throw Error(
        ErrorCode::kWrongState,
        "conflict " + std::to_string(id) + " is a change that the hub has refused and that is still in the table",
        "tidemark_resolve(id, 'theirs') gives it up, tidemark_retry(id) sends it again.");
  }
  close(db, id, "dismissed");
}

}  // namespace tidemark::device
