#include "sqlite_extension/resolve.h"

#include <cmath>
#include <deque>
#include <map>

#include "common/error.h"
#include "common/json_text.h"
#include "common/quote.h"
#include "sqlite_extension/codec.h"
#include "sqlite_extension/pushes.h"
#include "sqlite_extension/writer.h"

namespace tidemark::device {
namespace {

namespace dom = simdjson::dom;

struct OpenConflict {
  std::int64_t id = 0;
  TrackedTable table;
  Row key;
  std::string column;  // empty: the whole row
  std::string kind;
  Value mine;
  Value theirs;
  std::optional<std::int64_t> held;
};

// A value as codec.h or the views write it.
Value value_from(dom::element element) {
  bool flag = false;
  std::int64_t integer = 0;
  double real = 0;
  std::string_view text;
  if (element.get(flag) == simdjson::SUCCESS) return Value(ValueView::of(std::int64_t{flag}));
  if (element.get(integer) == simdjson::SUCCESS) return Value(ValueView::of(integer));
  if (element.get(real) == simdjson::SUCCESS) return Value(ValueView::of(real));
  if (element.get(text) == simdjson::SUCCESS) return Value(ValueView::text(text));
  std::string bytes;
  if (element["blob"].get(text) == simdjson::SUCCESS && base64_decode(text, bytes))
    return Value(ValueView::blob(bytes));
  if (element["real"].get(text) == simdjson::SUCCESS) {
    if (text == "nan") return Value(ValueView::text("NaN"));
    return Value(ValueView::of(text == "inf" ? HUGE_VAL : -HUGE_VAL));
  }
  if (element["hex"].get(text) == simdjson::SUCCESS) {
    for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
      bytes += static_cast<char>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16));
    }
    return Value(ValueView::blob(bytes));
  }
  return Value();
}

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

OpenConflict find_open(sqlite3* db, std::int64_t id) {
  std::optional<OpenConflict> found;
  std::string state;
  if (has_metadata(db)) {
    Statement find(db,
                   "select table_name, key, column_name, kind, mine, theirs, held, state from main.tidemark_conflict "
                   "where id = ?1");
    find.bind(1, id);
    if (find.step()) {
      state = find.text(7);
      auto table = find_tracked(db, find.text(0));
      if (!table || table->local.key.empty()) {
        throw Error(ErrorCode::kNotTracked, "table \"" + std::string(find.text(0)) + "\" is not tracked any more",
                    "Run tidemark_dismiss(id) to take the conflict off the list.");
      }
      found = OpenConflict{id,
                           std::move(*table),
                           {},
                           std::string(find.text(2)),
                           std::string(find.text(3)),
                           find.value(4),
                           find.value(5),
                           std::nullopt};
      dom::parser parser;
      for (const dom::element part : dom::array(parse_body(parser, find.text(1))))
        found->key.push_back(value_from(part));
      if (!find.is_null(6)) found->held = find.integer(6);
    }
  }
  if (!found)
    throw Error(ErrorCode::kNotFound, "there is no conflict " + std::to_string(id),
                "select id, table_name, key, kind from tidemark_conflicts.");
  if (state != "open" && state != "merged" && state != "waiting")
    throw Error(ErrorCode::kWrongState, "conflict " + std::to_string(id) + " is " + state + " already",
                "It was settled before; what is open: select * from tidemark_conflicts where state = 'open'.");
  return std::move(*found);
}

void close(sqlite3* db, std::int64_t id, const char* state) {
  Statement note(db, "update main.tidemark_conflict set state = ?2, held = null where id = ?1");
  note.bind(1, id);
  note.bind(2, std::string_view(state));
  note.run();
}

std::string key_test(const LocalTable& table) {
  std::string sql;
  for (std::size_t i = 0; i < table.key.size(); ++i) {
    sql += (i == 0 ? " where " : " and ") + quote_identifier(table.key[i].name) + " is ?" + std::to_string(i + 1);
  }
  return sql;
}

// The application's own write would look like this: with triggers.
void write_columns(sqlite3* db, const OpenConflict& conflict, const std::map<std::string, Value>& values) {
  const LocalTable& local = conflict.table.local;
  const std::string table = "main." + quote_identifier(local.name);
  Statement present(db, "select 1 from " + table + key_test(local));
  int parameter = 1;
  for (const Value& part : conflict.key) present.bind(parameter++, part);
  const bool exists = present.step();
  present.reset();

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
  Statement write(db, exists ? "update " + table + sets + key_test(local)
                             : "insert into " + table + " (" + names + ") values (" + places + ")");
  for (std::size_t i = 0; i < bound.size(); ++i) write.bind(static_cast<int>(i) + 1, bound[i]);
  write.run();
}

void delete_row(sqlite3* db, const OpenConflict& conflict) {
  Statement remove(db,
                   "delete from main." + quote_identifier(conflict.table.local.name) + key_test(conflict.table.local));
  for (std::size_t i = 0; i < conflict.key.size(); ++i) remove.bind(static_cast<int>(i) + 1, conflict.key[i]);
  remove.run();
}

// One side of a conflict: a column's value, a row as JSON, or no row.
void write_side(sqlite3* db, const OpenConflict& conflict, const Value& side) {
  if (!conflict.column.empty()) return write_columns(db, conflict, {{conflict.column, side}});
  if (side.is_null()) return delete_row(db, conflict);
  std::map<std::string, Value> values;
  dom::parser parser;
  for (const auto& [name, value] : dom::object(parse_body(parser, side.view().bytes)))
    values[std::string(name)] = value_from(value);
  write_columns(db, conflict, values);
}

// Gives up what is pending on a row: it becomes what the hub has. In an ApplyScope.
void take_back(sqlite3* db, const OpenConflict& conflict) {
  Writer writer(db, conflict.table);
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

// There is no other side to choose.
void refuse_dangling(const OpenConflict& conflict) {
  if (conflict.kind != "dangling") return;
  throw Error(ErrorCode::kWrongState,
              "conflict " + std::to_string(conflict.id) + " is a row that refers to a row that is not there",
              "Write the one or the other; the next sync closes the conflict. Or run tidemark_dismiss(id).");
}

}  // namespace

void resolve_mine(sqlite3* db, std::int64_t id) {
  const OpenConflict conflict = find_open(db, id);
  if (conflict.kind == "reject") return retry(db, id);
  refuse_dangling(conflict);
  if (conflict.kind == "constraint")
    throw Error(ErrorCode::kWrongState, "conflict " + std::to_string(id) + " has no side of this device's",
                "Run tidemark_dismiss(id) when it is settled.");
  Savepoint savepoint(db);
  write_side(db, conflict, conflict.mine);
  close(db, id, "resolved");
  savepoint.release();
}

void resolve_theirs(sqlite3* db, std::int64_t id) {
  const OpenConflict conflict = find_open(db, id);
  refuse_dangling(conflict);
  std::optional<ApplyScope> unlogged;
  if (conflict.kind == "reject") unlogged.emplace(db);
  Savepoint savepoint(db);
  if (conflict.kind == "reject") {
    take_back(db, conflict);
  } else if (conflict.kind != "unique" && conflict.kind != "lost") {  // there, the table has theirs already
    write_side(db, conflict, conflict.theirs);
  }
  close(db, id, "resolved");
  savepoint.release();
}

void resolve_value(sqlite3* db, std::int64_t id, const Value& value) {
  const OpenConflict conflict = find_open(db, id);
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
  const OpenConflict conflict = find_open(db, id);
  if (conflict.kind != "reject") {
    throw Error(ErrorCode::kWrongState, "conflict " + std::to_string(id) + " is no reject",
                "tidemark_resolve(id, 'mine') or 'theirs' settles it.");
  }
  close(db, id, "retried");
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
