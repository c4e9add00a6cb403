#include "sqlite_extension/dangling.h"

#include <algorithm>
#include <set>

#include "common/json_text.h"
#include "common/quote.h"
#include "common/triggers.h"
#include "sqlite_extension/codec.h"
#include "sqlite_extension/conflicts.h"

namespace tidemark::device {
namespace {

enum class Rows { kPending, kAll };

struct Dangling {
  const LocalTable* table;
  const LocalTable* parent;
  const HubReference* reference;
  Row key;
  Row parent_key;
  std::optional<std::int64_t> refusal;  // the conflict that says why this database has not taken the parent

  std::string what() const {
    return "refers to row " + key_json(parent_key) + " of \"" + parent->name + "\", which is not there";
  }
  std::string remedy() const {
    if (refusal) {
      return "The hub has that row, and a constraint of this database refuses it: see the hint of conflict " +
             std::to_string(*refusal) + ".";
    }
    std::string columns;
    for (const std::string& name : reference->columns) columns += (columns.empty() ? "\"" : ", \"") + name + "\"";
    return "Insert that row into \"" + parent->name + "\", give " + columns + " another value, or delete the row.";
  }
};

std::string list(const std::vector<std::string>& names, const std::string& alias) {
  std::string sql;
  for (const std::string& name : names) sql += (sql.empty() ? "" : ", ") + alias + "." + quote_identifier(name);
  return sql;
}

std::vector<std::string> names_of(const std::vector<LocalColumn>& columns) {
  std::vector<std::string> names;
  for (const LocalColumn& column : columns) names.push_back(column.name);
  return names;
}

std::string query(const LocalTable& table, const LocalTable& parent, const HubReference& reference, Rows rows) {
  std::string sql = "select " + list(names_of(table.key), "c") + ", " + list(reference.columns, "c") + " from ";
  if (rows == Rows::kPending) {
    std::string keys;
    std::string same;
    for (std::size_t i = 0; i < table.key.size(); ++i) {
      const std::string key = "k" + std::to_string(i);
      keys += (keys.empty() ? "" : ", ") + key;
      same += (same.empty() ? "" : " and ") + std::string("c.") + quote_identifier(table.key[i].name) + " is l." + key;
    }
    sql += "(select distinct " + keys + " from main." + log_name(table) + " where op <> 0) l join main." +
           quote_identifier(table.name) + " c on " + same;
  } else {
    sql += "main." + quote_identifier(table.name) + " c";
  }
  std::string same;
  std::string given;
  for (std::size_t i = 0; i < reference.columns.size(); ++i) {
    const std::string column = "c." + quote_identifier(reference.columns[i]);
    same += (same.empty() ? "" : " and ") + std::string("p.") + quote_identifier(reference.to[i]) + " = " + column;
    given += column + " is not null and ";
  }
  return sql + " where " + given + "not exists (select 1 from main." + quote_identifier(parent.name) + " p where " +
         same + ")";
}

// False if a column that the hub's reference names is not here.
bool can_be_checked(const LocalTable& table, const LocalTable& parent, const HubReference& reference) {
  const auto has = [](const LocalTable& where, const std::vector<std::string>& names) {
    return std::all_of(names.begin(), names.end(),
                       [&](const std::string& name) { return where.find(name) != nullptr; });
  };
  return has(table, reference.columns) && has(parent, reference.to);
}

// The conflict that lists a row of the hub as refused by this database. To insert that row
// here would be to write over the hub's.
std::optional<std::int64_t> refusal_of(sqlite3* db, const Dangling& dangling) {
  const bool by_key = std::equal(dangling.reference->to.begin(), dangling.reference->to.end(),
                                 dangling.parent->key.begin(), dangling.parent->key.end(),
                                 [](const std::string& name, const LocalColumn& c) { return same_name(name, c.name); });
  if (!by_key) return std::nullopt;
  Statement find(db,
                 "select max(id) from main.tidemark_conflict where table_name = ?1 and key = ?2 and state = 'open'"
                 " and kind in ('constraint', 'unique') and mine is null");
  find.bind(1, std::string_view(dangling.parent->name));
  find.bind(2, std::string_view(key_json(dangling.parent_key)));
  find.step();
  if (find.is_null(0)) return std::nullopt;
  return find.integer(0);
}

// `tables` must outlive what is found.
std::vector<Dangling> find_dangling(sqlite3* db, const std::vector<TrackedTable>& tables, Rows rows) {
  std::vector<Dangling> found;
  for (const TrackedTable& table : tables) {
    if (!table.hub || table.local.key.empty() || table.state != TableState::kReady) continue;
    for (const HubReference& reference : table.hub->references) {
      const auto parent = std::find_if(tables.begin(), tables.end(),
                                       [&](const TrackedTable& t) { return t.hub && t.hub->name == reference.table; });
      if (parent == tables.end() || parent->state != TableState::kReady) continue;
      if (!can_be_checked(table.local, parent->local, reference)) continue;
      Statement rows_found(db, query(table.local, parent->local, reference, rows));
      while (rows_found.step()) {
        Dangling& dangling = found.emplace_back(Dangling{&table.local, &parent->local, &reference, {}, {}, {}});
        const std::size_t keys = table.local.key.size();
        for (std::size_t i = 0; i < keys; ++i) dangling.key.push_back(rows_found.value(static_cast<int>(i)));
        for (std::size_t i = 0; i < reference.columns.size(); ++i) {
          dangling.parent_key.push_back(rows_found.value(static_cast<int>(keys + i)));
        }
        dangling.refusal = refusal_of(db, dangling);
      }
    }
  }
  return found;
}

}  // namespace

void list_dangling(sqlite3* db) {
  const std::vector<TrackedTable> tables = tracked_tables(db);
  Statement known(db,
                  "select 1 from main.tidemark_conflict where kind = 'dangling' and state in ('open', 'dismissed')"
                  " and table_name = ?1 and key = ?2 and message = ?3");
  std::set<std::pair<std::string, std::string>> still;
  for (const Dangling& dangling : find_dangling(db, tables, Rows::kPending)) {
    const std::string key = key_json(dangling.key);
    const std::string message = dangling.what();
    still.emplace(dangling.table->name, key + message);
    known.bind(1, std::string_view(dangling.table->name));
    known.bind(2, std::string_view(key));
    known.bind(3, std::string_view(message));
    const bool is_known = known.step();
    known.reset();
    if (is_known) continue;
    Conflict conflict;
    conflict.table = dangling.table->name;
    conflict.key = key;
    if (dangling.reference->columns.size() == 1) {
      conflict.column = dangling.reference->columns[0];
      conflict.mine = dangling.parent_key[0];
    }
    conflict.kind = "dangling";
    conflict.message = message;
    conflict.hint = dangling.remedy();
    record(db, conflict);
  }
  // One that was dismissed ends, too: it is listed again if it dangles once more.
  Statement open(db,
                 "select id, table_name, key || message from main.tidemark_conflict where kind = 'dangling'"
                 " and state in ('open', 'dismissed')");
  std::vector<std::int64_t> over;
  while (open.step()) {
    if (still.count({std::string(open.text(1)), std::string(open.text(2))}) == 0) over.push_back(open.integer(0));
  }
  Statement close(db, "update main.tidemark_conflict set state = 'resolved' where id = ?1");
  for (const std::int64_t id : over) {
    close.bind(1, id);
    close.run();
  }
}

bool release_mended(sqlite3* db) {
  Statement held(db,
                 "select distinct r.id, r.table_name, r.key from main.tidemark_conflict r join main.tidemark_conflict d"
                 " on d.table_name = r.table_name and d.key = r.key and d.kind = 'dangling'"
                 " and d.state in ('open', 'dismissed') where r.held is not null and r.state = 'open' and r.sqlstate = "
                 "'23503'");  // foreign_key_violation
  if (!held.step()) return false;
  const std::vector<TrackedTable> tables = tracked_tables(db);
  std::set<std::pair<std::string, std::string>> still;
  for (const Dangling& dangling : find_dangling(db, tables, Rows::kPending))
    still.emplace(dangling.table->name, key_json(dangling.key));
  std::vector<std::int64_t> mended;
  do {
    if (still.count({std::string(held.text(1)), std::string(held.text(2))}) == 0) mended.push_back(held.integer(0));
  } while (held.step());
  Statement release(db, "update main.tidemark_conflict set state = 'retried', held = null where id = ?1");
  for (const std::int64_t id : mended) {
    release.bind(1, id);
    release.run();
  }
  return !mended.empty();
}

void release_related(sqlite3* db, const std::vector<TrackedTable>& tables, const TrackedTable& ready) {
  const auto refers = [](const TrackedTable& child, const TrackedTable& parent) {
    const auto& references = child.hub->references;
    return std::any_of(references.begin(), references.end(),
                       [&](const HubReference& reference) { return reference.table == parent.hub->name; });
  };
  Statement release(db,
                    "update main.tidemark_conflict set state = 'retried', held = null where table_name = ?1"
                    " and held is not null and state = 'open' and sqlstate = '23503'");
  for (const TrackedTable& table : tables) {
    if (!table.hub || (!refers(table, ready) && !refers(ready, table))) continue;
    release.bind(1, std::string_view(table.local.name));
    release.run();
  }
}

std::string dangling_json(sqlite3* db) {
  const std::vector<TrackedTable> tables = tracked_tables(db);
  std::string json = "[";
  for (const Dangling& dangling : find_dangling(db, tables, Rows::kAll)) {
    std::string columns = "[";
    for (const std::string& name : dangling.reference->columns) {
      if (columns.size() > 1) columns += ',';
      append_json_string(columns, name);
    }
    JsonObject row;
    row.add("table", dangling.table->name).add_json("key", key_json(dangling.key)).add_json("columns", columns + "]");
    row.add("parent", dangling.parent->name).add_json("parent_key", key_json(dangling.parent_key));
    json += (json.size() > 1 ? "," : "") + row.add("remedy", dangling.remedy()).text();
  }
  return json + "]";
}

}  // namespace tidemark::device
