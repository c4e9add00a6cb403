#include "sqlite_extension/status.h"

#include "common/json_text.h"
#include "sqlite_extension/catalog.h"
#include "sqlite_extension/statement.h"

namespace tidemark::device {
namespace {

std::string pushes(sqlite3* db) {
  std::string list = "[";
  Statement pushes(db, "select number, state, changes, sealed_at from main.tidemark_push order by number");
  while (pushes.step()) {
    JsonObject push;
    push.add("number", pushes.integer(0)).add("state", pushes.text(1)).add("changes", pushes.integer(2));
    list += (list.size() > 1 ? "," : "") + push.add("sealed_at", pushes.integer(3)).text();
  }
  return list + "]";
}

std::string tables(sqlite3* db) {
  JsonObject tables;
  for (const TrackedTable& table : tracked_tables(db)) {
    tables.add(table.local.name, table.problem.empty() ? std::string(name_of(table.state))
                                                       : std::string(name_of(table.state)) + ": " + table.problem);
  }
  return tables.text();
}

}  // namespace

std::string status_json(sqlite3* db) {
  JsonObject status;
  status.add("version", TIDEMARK_VERSION);
  if (!has_metadata(db)) return status.add_json("connected", "false").text();

  status.add_json("connected", meta(db, "token") ? "true" : "false");
  for (const char* key : {"url", "user", "device", "epoch"}) {
    const auto value = meta(db, key);
    value ? status.add(key, *value) : status.add_json(key, "null");
  }
  status.add("cursor", meta(db, "cursor").value_or("0"));
  for (const char* key : {"clock_offset_ms", "last_sync_at"}) {
    meta(db, key) ? status.add(key, meta_integer(db, key, 0)) : status.add_json(key, "null");
  }
  Statement counts(
      db,
      "select count(*) filter (where state not in ('rejected', 'waiting')), count(*) filter (where state = 'rejected'),"
      " count(*) filter (where state = 'waiting'), (select count(*) from main.tidemark_conflict where state = 'open')"
      " from main.tidemark_pending");
  counts.step();
  status.add("pending", counts.integer(0)).add("rejected", counts.integer(1));
  status.add("waiting", counts.integer(2)).add("conflicts", counts.integer(3));
  return status.add_json("pushes", pushes(db)).add_json("tables", tables(db)).text();
}

}  // namespace tidemark::device
