#include "tests/sqlite/oracle.h"

#include <algorithm>

#include <nlohmann/json.hpp>
#include <optional>
#include <set>

namespace tidemark::test {
namespace {

constexpr int kBitsOfAMask = 62;  // documented in common/triggers.h

struct Entry {
  std::int64_t op;
  std::vector<bool> changed;
  Cells old;
};

std::string numbered(const std::string& letter, std::size_t count) {
  std::string sql;
  for (std::size_t i = 0; i < count; ++i) sql += ", " + letter + std::to_string(i);
  return sql;
}

bool names_a_row(const Cells& key) {
  for (const Cell& part : key) {
    if (part.is_null()) return false;
  }
  return true;
}

std::map<Cells, std::vector<Entry>> log_of(const Database& db, const Tracked& table) {
  const std::size_t masks = table.columns.size() / kBitsOfAMask + 1;
  const std::string sql = "select op" + numbered("k", table.key.size()) + numbered("m", masks) +
                          numbered("c", table.columns.size()) + " from tidemark_log_" + std::to_string(table.number) +
                          " where op <> 0 order by seq";
  std::map<Cells, std::vector<Entry>> log;
  for (const Cells& row : db.rows(sql)) {
    const auto first_mask = row.begin() + 1 + static_cast<std::ptrdiff_t>(table.key.size());
    const auto first_column = first_mask + static_cast<std::ptrdiff_t>(masks);
    const Cells key(row.begin() + 1, first_mask);
    Entry entry{row[0].as_integer(), {}, Cells(first_column, row.end())};
    // In an update a NULL says "not changed", unless the column's bit is set.
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
      const std::int64_t mask = (first_mask + static_cast<std::ptrdiff_t>(i) / kBitsOfAMask)->as_integer();
      const bool old_null = (mask >> (i % kBitsOfAMask) & 1) != 0;
      entry.changed.push_back(entry.op != 2 || !entry.old[i].is_null() || old_null);
    }
    if (names_a_row(key)) log[key].push_back(std::move(entry));
  }
  return log;
}

// The row of the key before its first entry, as the log and the row as it is now tell it. A text
// for what the two cannot tell.
std::string reconstruct(const std::vector<Entry>& entries, const Cells* present, std::size_t columns,
                        std::optional<Cells>& row) {
  row.reset();
  if (entries.front().op == 1) return "";
  row.emplace();
  for (std::size_t i = 0; i < columns; ++i) {
    const Entry* first = nullptr;
    for (const Entry& entry : entries) {
      if (entry.op == 1 && !first) break;
      if (entry.changed[i]) {
        first = &entry;
        break;
      }
    }
    if (first) {
      row->push_back(first->old[i]);
    } else if (present) {
      row->push_back((*present)[i]);
    } else {
      return "the row is gone and column " + std::to_string(i) + " has no old value";
    }
  }
  return "";
}

const Cells* find(const Rows& rows, const Cells& key) {
  const auto found = rows.find(key);
  return found == rows.end() ? nullptr : &found->second;
}

std::string shown(const Cells* row) { return row ? show(*row) : "no row"; }

std::string shown_key(const Cells& key) {
  nlohmann::json json = nlohmann::json::array();
  for (const Cell& part : key) {
    if (part.type == SQLITE_INTEGER) {
      json.push_back(part.as_integer());
    } else if (part.type == SQLITE_FLOAT) {
      json.push_back(part.as_real());
    } else if (part.type == SQLITE_TEXT) {
      json.push_back(part.bytes);
    } else {
      std::string hex = show(part).substr(2);
      hex.pop_back();
      for (char& digit : hex) digit = static_cast<char>(std::toupper(digit));
      json.push_back({{"hex", hex}});
    }
  }
  return json.dump();
}

std::string wrong_in_view(const Database& db, const Tracked& table, const Rows& before, const Rows& now) {
  db.run("pragma trusted_schema = on");  // the triggers do without, json_array() in the view does not
  std::map<std::string, std::vector<std::string>> listed;
  for (const Cells& row :
       db.rows("select key, operation from tidemark_pending where table_name = ?1", {Cell::text(table.name)})) {
    listed[nlohmann::json::parse(row[0].bytes).dump()].push_back(row[1].bytes);
  }
  auto logged = log_of(db, table);
  std::set<Cells> keys;
  for (const auto* rows : {&before, &now}) {
    for (const auto& [key, row] : *rows) keys.insert(key);
  }
  for (const Cells& key : keys) {
    const Cells* const old = find(before, key);
    const Cells* const present = find(now, key);
    if (old && present && *old == *present) continue;
    const std::string operation = !old ? "insert" : !present ? "delete" : "update";
    const auto& found = listed[shown_key(key)];
    if (found == std::vector{operation}) continue;
    // Of a row that may have gone the log does not tell whether it is still there, nor with
    // recursive_triggers whether its delete is the REPLACE's.
    const auto& entries = logged[key];
    const bool may_go = std::any_of(entries.begin(), entries.end(), [](const Entry& entry) { return entry.op == 4; });
    // Nor whether the insert came about, under OR IGNORE and OR FAIL.
    const bool may_come = !entries.empty() && entries.back().op == 1 && !present;
    if ((may_go || may_come) && found.size() == 1) continue;
    // A key with U+0000 in it is listed by its bytes.
    const bool has_nul = std::any_of(key.begin(), key.end(), [](const Cell& part) {
      return part.type == SQLITE_TEXT && part.bytes.find('\0') != std::string::npos;
    });
    const bool has_zero = std::any_of(
        key.begin(), key.end(), [](const Cell& part) { return part.type == SQLITE_FLOAT && part.as_real() == 0; });
    if (has_nul || has_zero) continue;  // 0.0 and -0.0 are one key to SQL
    std::string text;
    for (const std::string& one : found) text += one + " ";
    return "tidemark_pending lists key " + show(key) + " as \"" + text + "\", it is: " + operation;
  }
  return "";
}

}  // namespace

std::string quoted(const std::string& name) {
  std::string text = "\"";
  for (const char character : name) text += character == '"' ? "\"\"" : std::string(1, character);
  return text + "\"";
}

Tracked tracked(const Database& db, const std::string& name) {
  const auto row =
      db.rows("select number, name, columns from tidemark_table where name = ?1", {Cell::text(name)}).at(0);
  Tracked table{row[0].as_integer(), row[1].bytes, {}, {}};
  for (const Cells& key : db.rows("select name from pragma_table_xinfo(?1) where pk > 0 order by pk", {row[1]})) {
    table.key.push_back(key[0].bytes);
  }
  for (const auto& column : nlohmann::json::parse(row[2].bytes)) table.columns.push_back(column);
  return table;
}

Rows rows_of(const Database& db, const Tracked& table) {
  std::string sql;
  for (const auto* names : {&table.key, &table.columns}) {
    for (const std::string& name : *names) sql += (sql.empty() ? "select " : ", ") + quoted(name);
  }
  Rows rows;
  for (const Cells& row : db.rows(sql + " from main." + quoted(table.name))) {
    const auto end_of_key = row.begin() + static_cast<std::ptrdiff_t>(table.key.size());
    const Cells key(row.begin(), end_of_key);
    if (names_a_row(key)) rows[key] = Cells(end_of_key, row.end());
  }
  return rows;
}

void forget_log(const Database& db, const Tracked& table) {
  db.run("delete from tidemark_log_" + std::to_string(table.number));
}

std::string wrong(const Database& db, const Tracked& table, const Rows& before) {
  const Rows now = rows_of(db, table);
  const auto log = log_of(db, table);
  for (const auto* rows : {&before, &now}) {
    for (const auto& [key, row] : *rows) {
      const Cells* const old = find(before, key);
      const Cells* const present = find(now, key);
      if (log.contains(key) || (old && present && *old == *present)) continue;
      return "key " + show(key) + " is not logged: " + shown(old) + " became " + shown(present);
    }
  }
  for (const auto& [key, entries] : log) {
    std::optional<Cells> base;
    const std::string lost = reconstruct(entries, find(now, key), table.columns.size(), base);
    if (!lost.empty()) return "key " + show(key) + ": " + lost;
    const Cells* const old = find(before, key);
    if ((base ? &*base : nullptr) != old && (!base || !old || *base != *old)) {
      return "key " + show(key) + ": the log says that it was " + shown(base ? &*base : nullptr) + ", it was " +
             shown(old);
    }
  }
  return wrong_in_view(db, table, before, now);
}

}  // namespace tidemark::test
