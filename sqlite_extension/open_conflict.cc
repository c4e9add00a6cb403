#include "sqlite_extension/open_conflict.h"

#include <cmath>

#include "common/error.h"
#include "common/json_text.h"
#include "common/wire.h"
#include "sqlite_extension/codec.h"

namespace tidemark::device {
namespace {

namespace dom = simdjson::dom;

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

[[noreturn]] void throw_unknown(std::int64_t id) {
  throw Error(ErrorCode::kNotFound, "there is no conflict " + std::to_string(id),
              "select id, table_name, key, kind from tidemark_conflicts.");
}

}  // namespace

OpenConflict find_open(sqlite3* db, std::int64_t id) {
  if (!has_metadata(db)) throw_unknown(id);
  Statement find(db,
                 "select table_name, key, column_name, kind, base, mine, theirs, result, held, state"
                 " from main.tidemark_conflict where id = ?1");
  find.bind(1, id);
  if (!find.step()) throw_unknown(id);
  const std::string state(find.text(9));
  if (state != "open" && state != "merged" && state != "waiting") {
    throw Error(ErrorCode::kWrongState, "conflict " + std::to_string(id) + " is " + state + " already",
                "It was settled before; what is open: select * from tidemark_conflicts where state = 'open'.");
  }
  OpenConflict found;
  found.id = id;
  found.column = find.text(2);
  found.kind = find.text(3);
  found.base = find.value(4);
  found.mine = find.value(5);
  found.theirs = find.value(6);
  found.result = find.value(7);
  if (!find.is_null(8)) found.held = find.integer(8);
  dom::parser parser;
  for (const dom::element part : dom::array(parse_body(parser, find.text(1)))) found.key.push_back(value_from(part));
  auto table = find_tracked(db, find.text(0));
  if (table) found.table = std::move(*table);
  found.table.local.name = find.text(0);
  return found;
}

OpenConflict find_settleable(sqlite3* db, std::int64_t id) {
  OpenConflict found = find_open(db, id);
  if (found.table.local.key.empty() && !found.table.problem.empty()) {
    throw Error(ErrorCode::kWrongState, "table \"" + found.table.local.name + "\" is refused",
                "select problem from tidemark_tables says why; settle the conflict when the table is ready again.");
  }
  if (found.table.local.key.empty()) {
    throw Error(ErrorCode::kNotTracked, "table \"" + found.table.local.name + "\" is not tracked any more",
                "Run tidemark_dismiss(id) to take the conflict off the list.");
  }
  if (!found.key.empty() && found.key.size() != found.table.local.key.size()) {
    throw Error(ErrorCode::kWrongState, "table \"" + found.table.local.name + "\" has another primary key now",
                "Write the row yourself if it is wanted, and run tidemark_dismiss(id).");
  }
  return found;
}

std::map<std::string, Value> members_of(const Value& json) {
  std::map<std::string, Value> values;
  dom::parser parser;
  for (const auto& [name, value] : dom::object(parse_body(parser, json.view().bytes)))
    values[std::string(name)] = value_from(value);
  return values;
}

}  // namespace tidemark::device
