// tidemark_track and tidemark_untrack: which tables sync.
#include "common/error.h"
#include "common/json_text.h"
#include "common/quote.h"
#include "sqlite_extension/catalog.h"
#include "sqlite_extension/description.h"
#include "sqlite_extension/functions.h"
#include "sqlite_extension/network.h"
#include "sqlite_extension/options.h"
#include "sqlite_extension/sync.h"
#include "sqlite_extension/tracking.h"

namespace tidemark::device {
namespace {

std::string tracked_json(sqlite3* db, const std::string& name, const SyncReport& report) {
  const auto table = find_tracked(db, name);
  JsonObject result;
  result.add("table", name).add("state", table ? name_of(table->state) : "gone");
  result.add("loaded", report.pulled).add("conflicts", report.conflicts);
  if (table && !table->problem.empty()) result.add("problem", table->problem);
  return result.text();
}

[[noreturn]] void throw_unknown_table(const std::vector<HubTable>& tables, const std::string& name) {
  std::string known;
  for (const HubTable& table : tables) known += (known.empty() ? "" : ", ") + table.name;
  throw Error(ErrorCode::kNotFound, "the hub does not track a table \"" + name + "\"",
              (known.empty() ? std::string("It tracks none yet.") : "It tracks " + known + ".") +
                  " On the hub: select tidemark.track('" + name + "').");
}

std::vector<std::string> local_tables(sqlite3* db) {
  Statement list(db, "select name from main.sqlite_master where type = 'table'");
  std::vector<std::string> names;
  while (list.step()) names.emplace_back(list.text(0));
  return names;
}

bool allows_given_keys(const Options& options, const HubTable* hub) {
  const std::string keys = text_option(options, "keys");
  if (!keys.empty() && keys != "given" && keys != "hub") {
    throw Error(ErrorCode::kInvalidInput, "option \"keys\" is \"given\" or \"hub\"",
                "given: keys are always given; hub: only the hub inserts.");
  }
  return !keys.empty() || (hub && hub->keys != "none");
}

// Tracks a table of this database, without asking anybody.
void track_here(sqlite3* db, const std::string& name, const Options& options, const HubTable* hub) {
  const auto shape = inspect_table(db, name, {});
  if (!shape) {
    throw Error(ErrorCode::kNotFound, "there is no table \"" + name + "\"",
                "Create it, or run tidemark_connect() first and it is created as the hub has it.");
  }
  ensure_metadata(db);
  start_tracking(db, *shape, allows_given_keys(options, hub));
}

}  // namespace

// tidemark_track(table [, options]) -> JSON
void track(sqlite3_context* context, Arguments arguments) {
  sqlite3* const caller = sqlite3_context_db_handle(context);
  require_writable(caller);
  const std::string name = text_argument(arguments, 0, "table");
  const Options options(arguments, 1, {"keys"});
  if (same_name(name.substr(0, 9), "tidemark_") || same_name(name.substr(0, 7), "sqlite_")) {
    throw Error(ErrorCode::kUnsupported, "the name \"" + name + "\" is reserved", "Track a table of another name.");
  }
  const bool connected = has_metadata(caller) && meta(caller, "token");
  const bool tracked = has_metadata(caller) && find_tracked(caller, name);
  // Inside a transaction of the caller's that has written, the hub is asked at the next sync.
  const bool may_ask = connected && sqlite3_txn_state(caller, nullptr) != SQLITE_TXN_WRITE;
  if (!may_ask) {
    if (!tracked) {
      Savepoint savepoint(caller);
      track_here(caller, name, options, nullptr);
      savepoint.release();
    }
    return return_text(context, tracked_json(caller, name, {}));
  }

  NetworkConnection connection(caller);
  sqlite3* const db = connection.db();
  Session session(db, shapes_of(context));
  const std::vector<HubTable> hub_tables = session.learn_tables();
  const HubTable* const hub = find_table(hub_tables, name);
  if (!hub) throw_unknown_table(hub_tables, name);
  if (!tracked) {
    Transaction transaction(db);
    const auto present = inspect_table(db, name, {});
    if (!present) execute(db, create_table_sql(*hub, local_tables(db)));
    track_here(db, name, options, hub);
    for (TrackedTable& table : tracked_tables(db)) {
      if (!same_name(table.local.name, name)) continue;
      learn_description(db, table, hub);
      if (table.state == TableState::kRefused) {
        throw Error(ErrorCode::kSchemaMismatch, table.problem,
                    "Change the table here, or on the hub, and track it again.");
      }
    }
    transaction.commit();
  }
  session.load();
  const std::int64_t loaded = session.pulled();
  session.pull();  // the other tables as of the same moment
  SyncReport report = session.finish();
  report.pulled = loaded;
  return_text(context, tracked_json(db, name, report));
}

// tidemark_untrack(table [, options]) -> 1 if it was tracked, else 0
void untrack(sqlite3_context* context, Arguments arguments) {
  sqlite3* const db = sqlite3_context_db_handle(context);
  require_writable(db);
  const std::string name = text_argument(arguments, 0, "table");
  const Options options(arguments, 1, {"discard"});
  const bool discard = options.get<bool>("discard", "true or false").value_or(false);
  const auto table = has_metadata(db) ? find_tracked(db, name) : std::nullopt;
  if (!table) return sqlite3_result_int(context, 0);
  Statement pending(db, "select count(*) from main.tidemark_pending where table_name = ?1 collate nocase");
  pending.bind(1, std::string_view(table->local.name));
  pending.step();
  if (pending.integer(0) > 0 && !discard) {
    throw Error(ErrorCode::kWrongState,
                "table \"" + name + "\" has " + std::to_string(pending.integer(0)) + " pending changes",
                "Sync first; or give them up: tidemark_untrack(" + quote_literal(name) + ", '{\"discard\":true}').");
  }
  pending.reset();
  end_tracking(db, *table);
  sqlite3_result_int(context, 1);
}

}  // namespace tidemark::device
