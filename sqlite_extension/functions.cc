#include "sqlite_extension/functions.h"

#include <uuid/uuid.h>

#include <algorithm>

#include "common/error.h"
#include "common/json_text.h"
#include "common/quote.h"
#include "common/uuid.h"
#include "common/wire.h"
#include "sqlite_extension/boundary.h"
#include "sqlite_extension/catalog.h"
#include "sqlite_extension/conflicts.h"
#include "sqlite_extension/description.h"
#include "sqlite_extension/dangling.h"
#include "sqlite_extension/network.h"
#include "sqlite_extension/policies.h"
#include "sqlite_extension/pushes.h"
#include "sqlite_extension/resolve.h"
#include "sqlite_extension/status.h"
#include "sqlite_extension/sync.h"
#include "sqlite_extension/tracking.h"

namespace tidemark::device {
namespace {

namespace dom = simdjson::dom;

// The last argument of some functions: a JSON object with members of known names.
class Options {
 public:
  // Without the argument there are none. Throws Error{kInvalidInput} for what is
  // no object, or has a member of another name.
  Options(Arguments arguments, std::size_t place, std::initializer_list<const char*> names);
  Options(const Options&) = delete;  // `object_` is in `parser_`
  Options& operator=(const Options&) = delete;

  // nullopt if it is not given. Throws Error{kInvalidInput} if it is not `type`.
  template <class T>
  std::optional<T> get(const char* name, const char* type) const;

 private:
  dom::parser parser_;
  dom::element object_;
};

Options::Options(Arguments arguments, std::size_t place, std::initializer_list<const char*> names) {
  const bool given = arguments.size() > place && sqlite3_value_type(arguments[place]) != SQLITE_NULL;
  dom::object members;
  if (try_parse(parser_, given ? text_argument(arguments, place, "options") : "{}").get(object_) != simdjson::SUCCESS ||
      object_.get(members) != simdjson::SUCCESS) {
    throw Error(ErrorCode::kInvalidInput, "options must be a JSON object", "Like '{\"keys\":\"given\"}'.");
  }
  for (const auto& member : members) {
    if (std::find(names.begin(), names.end(), member.key) != names.end()) continue;
    std::string known;
    for (const char* candidate : names) known += (known.empty() ? "" : ", ") + std::string(candidate);
    throw Error(ErrorCode::kInvalidInput, "unknown option \"" + std::string(member.key) + "\"",
                "Known here: " + known + ".");
  }
}

template <class T>
std::optional<T> Options::get(const char* name, const char* type) const {
  const auto member = optional_member(object_, name);
  if (!member) return std::nullopt;
  T value{};
  if (member->get(value) == simdjson::SUCCESS) return value;
  throw Error(ErrorCode::kInvalidInput, std::string("option \"") + name + "\" must be " + type);
}

std::string text_option(const Options& options, const char* name) {
  return std::string(options.get<std::string_view>(name, "a text").value_or(""));
}

std::optional<std::uint64_t> timeout_option(const Options& options) {
  return options.get<std::uint64_t>("timeout", "a whole number of seconds");
}

UuidBytes new_uuid(sqlite3* db) {
  UuidBytes entropy;
  uuid_generate_random(entropy.data());
  return uuid_v7(static_cast<std::uint64_t>(now_ms(db)), entropy);
}

// tidemark_version() -> text
void version(sqlite3_context* context, Arguments) { return_text(context, TIDEMARK_VERSION); }

// tidemark_uuid() -> text, 36 characters, lower case
void uuid(sqlite3_context* context, Arguments) {
  return_text(context, uuid_text(new_uuid(sqlite3_context_db_handle(context))));
}

// tidemark_uuid_blob() -> blob, 16 bytes
void uuid_blob(sqlite3_context* context, Arguments) {
  const UuidBytes uuid = new_uuid(sqlite3_context_db_handle(context));
  sqlite3_result_blob(context, uuid.data(), static_cast<int>(uuid.size()), SQLITE_TRANSIENT);
}

// tidemark_status() -> JSON
void status(sqlite3_context* context, Arguments) {
  return_text(context, status_json(sqlite3_context_db_handle(context)));
}

std::string connection_json(sqlite3* db) {
  JsonObject connection;
  for (const char* key : {"url", "user", "device"}) connection.add(key, meta(db, key).value_or(""));
  return connection.add("cursor", meta(db, "cursor").value_or("0")).text();
}

// Whether this database has an identity that the hub at `url` still accepts. The
// hub's address may have changed: then the new one is kept.
bool is_connected_already(sqlite3* db, const std::string& url, const std::string& user, const HttpOptions& http) {
  const auto token = meta(db, "token");
  if (!token) return false;
  const std::string before = meta(db, "url").value_or("");
  try {
    if (meta(db, "user") == user) {
      dom::parser parser;
      if (text_or_empty(answer_in(parser, Hub(url, *token, http).status()), "epoch") == meta(db, "epoch")) {
        set_meta(db, "url", url);
        return true;
      }
    }
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kUnauthorized) throw;
    if (before == url) return false;  // revoked, or forgotten by a restored hub: enrol anew
  }
  throw Error(ErrorCode::kWrongState,
              "this database is connected to " + before + " as " + quote_literal(meta(db, "user").value_or("")),
              "Run tidemark_disconnect() first. Pending changes stay.");
}

void keep_connection(sqlite3* db, const std::string& url, const std::string& user, const Enrolment& enrolment,
                     const Options& options) {
  Transaction transaction(db);
  ensure_metadata(db);
  const auto epoch = meta(db, "epoch");
  set_meta(db, "url", url);
  set_meta(db, "user", user);
  set_meta(db, "device", enrolment.device);
  set_meta(db, "token", enrolment.token);
  set_meta(db, "ca", text_option(options, "ca"));
  if (const auto timeout = timeout_option(options)) set_meta(db, "timeout", std::to_string(*timeout));
  // A new identity has pushed nothing: what an old one had on its way is pending again.
  execute(db, "delete from main.tidemark_push; delete from main.tidemark_sealed");
  clear_meta(db, "last_push");
  if (!epoch) {
    set_meta(db, "epoch", enrolment.epoch);
    set_meta(db, "cursor", std::to_string(enrolment.head));
  }
  transaction.commit();
}

// What the connection that a function belongs to remembers.
Shapes& shapes_of(sqlite3_context* context) {
  return **static_cast<std::shared_ptr<Shapes>*>(sqlite3_user_data(context));
}

// tidemark_connect(url, user, secret [, options]) -> JSON
void connect(sqlite3_context* context, Arguments arguments) {
  const std::string url = text_argument(arguments, 0, "url");
  const std::string user = text_argument(arguments, 1, "user");
  const std::string secret = text_argument(arguments, 2, "secret");
  const Options options(arguments, 3, {"ca", "timeout", "name"});
  HttpOptions http;
  http.ca_file = text_option(options, "ca");
  if (const auto timeout = timeout_option(options)) http.stall_timeout_s = static_cast<long>(*timeout);
  if (url.rfind("http://", 0) != 0 && url.rfind("https://", 0) != 0) {
    throw Error(ErrorCode::kInvalidInput, "\"" + url + "\" is not an http or https URL",
                "Write it like http://127.0.0.1:8880 or https://hub.example.com.");
  }

  NetworkConnection connection(sqlite3_context_db_handle(context));
  sqlite3* const db = connection.db();
  if (!has_metadata(db) || !is_connected_already(db, url, user, http)) {
    const Enrolment enrolment = Hub(url, "", http).enrol(user, secret, text_option(options, "name"));
    keep_connection(db, url, user, enrolment, options);
    Session session(db, shapes_of(context));
    session.learn_tables();
  }
  return_text(context, connection_json(db));
}

// tidemark_disconnect() -> 1 if there was a connection, else 0
void disconnect(sqlite3_context* context, Arguments) {
  sqlite3* const db = sqlite3_context_db_handle(context);
  require_writable(db);
  const bool connected = has_metadata(db) && meta(db, "token");
  if (connected) {
    Savepoint savepoint(db);
    for (const char* key : {"url", "user", "device", "token", "ca", "timeout"}) clear_meta(db, key);
    execute(db, "delete from main.tidemark_push; delete from main.tidemark_sealed");
    clear_meta(db, "last_push");
    savepoint.release();
  }
  sqlite3_result_int(context, connected);
}

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
  Statement pending(db, "select count(*) from main.tidemark_pending where table_name = ?1");
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

std::int64_t id_argument(Arguments arguments) {
  if (sqlite3_value_type(arguments[0]) != SQLITE_INTEGER) {
    throw Error(ErrorCode::kInvalidInput, "id must be an integer", "It is the column id of tidemark_conflicts.");
  }
  return sqlite3_value_int64(arguments[0]);
}

Value value_argument(sqlite3_value* value) {
  const auto bytes = [value](const void* data) {
    if (!data && sqlite3_value_bytes(value) > 0) throw std::bad_alloc();
    return std::string_view(static_cast<const char*>(data), static_cast<std::size_t>(sqlite3_value_bytes(value)));
  };
  switch (sqlite3_value_type(value)) {
    case SQLITE_INTEGER: return Value(ValueView::of(std::int64_t{sqlite3_value_int64(value)}));
    case SQLITE_FLOAT: return Value(ValueView::of(sqlite3_value_double(value)));
    case SQLITE_TEXT: return Value(ValueView::text(bytes(sqlite3_value_text(value))));
    case SQLITE_BLOB: return Value(ValueView::blob(bytes(sqlite3_value_blob(value))));
    default: return Value();
  }
}

// tidemark_resolve(id, 'mine' | 'theirs' | value) -> id
void resolve(sqlite3_context* context, Arguments arguments) {
  sqlite3* const db = sqlite3_context_db_handle(context);
  require_writable(db);
  const std::int64_t id = id_argument(arguments);
  const Value choice = value_argument(arguments[1]);
  if (choice == Value(ValueView::text("mine"))) {
    resolve_mine(db, id);
  } else if (choice == Value(ValueView::text("theirs"))) {
    resolve_theirs(db, id);
  } else {
    resolve_value(db, id, choice);
  }
  sqlite3_result_int64(context, id);
}

// tidemark_retry(id) and tidemark_dismiss(id) -> id
template <void (*act)(sqlite3*, std::int64_t)>
void settle(sqlite3_context* context, Arguments arguments) {
  sqlite3* const db = sqlite3_context_db_handle(context);
  require_writable(db);
  const std::int64_t id = id_argument(arguments);
  act(db, id);
  sqlite3_result_int64(context, id);
}

// tidemark_check() -> JSON array: rows that refer to rows that are not there
void check(sqlite3_context* context, Arguments) {
  sqlite3* const db = sqlite3_context_db_handle(context);
  return_text(context, has_metadata(db) ? dangling_json(db) : "[]");
}

// tidemark_configure(name, value) -> JSON: the settings
void configure(sqlite3_context* context, Arguments arguments) {
  sqlite3* const db = sqlite3_context_db_handle(context);
  require_writable(db);
  const std::string name = text_argument(arguments, 0, "name");
  if (name != "keep_conflicts") {
    throw Error(ErrorCode::kInvalidInput, "there is no setting \"" + name + "\"",
                "There is keep_conflicts: for how many days settled conflicts are kept.");
  }
  const int type = sqlite3_value_type(arguments[1]);
  const std::int64_t days = sqlite3_value_int64(arguments[1]);
  constexpr std::int64_t kMostDays = 36'500;
  if (type != SQLITE_NULL && (type != SQLITE_INTEGER || days < 0 || days > kMostDays)) {
    throw Error(ErrorCode::kInvalidInput, "keep_conflicts must be a whole number of days from 0 to 36500",
                "NULL stands for the default, 90.");
  }
  ensure_metadata(db);
  type == SQLITE_NULL ? clear_meta(db, name) : set_meta(db, name, std::to_string(days));
  return_text(context, JsonObject().add(name, days_kept(db)).text());
}

// tidemark_policy(table, column or null, policy or null) -> the policies in force, as JSON
void policy(sqlite3_context* context, Arguments arguments) {
  sqlite3* const db = sqlite3_context_db_handle(context);
  require_writable(db);
  const std::string name = text_argument(arguments, 0, "table");
  const auto is_given = [&](std::size_t place) { return sqlite3_value_type(arguments[place]) != SQLITE_NULL; };
  const std::string column = is_given(1) ? text_argument(arguments, 1, "column") : "";
  const auto wanted = is_given(2) ? std::optional(text_argument(arguments, 2, "policy")) : std::nullopt;
  auto table = has_metadata(db) ? find_tracked(db, name) : std::nullopt;
  if (!table)
    throw Error(ErrorCode::kNotTracked, "table \"" + name + "\" is not tracked",
                "Run tidemark_track(" + quote_literal(name) + ") first.");
  Savepoint savepoint(db);
  override_policy(db, *table, column, wanted);
  savepoint.release();
  Statement shown(db, "select ifnull(policies, '{}') from main.tidemark_table where number = ?1");
  shown.bind(1, table->local.number);
  shown.step();
  return_text(context, shown.text(0));
}

template <void (Session::*run)()>
void converse(sqlite3_context* context, Arguments) {
  NetworkConnection connection(sqlite3_context_db_handle(context));
  Session session(connection.db(), shapes_of(context));
  (session.*run)();
  return_text(context, session.finish().json());
}

struct Registration {
  const char* name;
  int arguments;
  int flags;
  void (*function)(sqlite3_context*, int, sqlite3_value**);
};

constexpr Registration kFunctions[] = {
    {"tidemark_version", 0, SQLITE_INNOCUOUS | SQLITE_DETERMINISTIC, entry<version>},
    {"tidemark_uuid", 0, SQLITE_INNOCUOUS, entry<uuid>},
    {"tidemark_uuid_blob", 0, SQLITE_INNOCUOUS, entry<uuid_blob>},
    {"tidemark_status", 0, SQLITE_DIRECTONLY, entry<status>},
    {"tidemark_connect", 3, SQLITE_DIRECTONLY, entry<connect>},
    {"tidemark_connect", 4, SQLITE_DIRECTONLY, entry<connect>},
    {"tidemark_disconnect", 0, SQLITE_DIRECTONLY, entry<disconnect>},
    {"tidemark_track", 1, SQLITE_DIRECTONLY, entry<track>},
    {"tidemark_track", 2, SQLITE_DIRECTONLY, entry<track>},
    {"tidemark_untrack", 1, SQLITE_DIRECTONLY, entry<untrack>},
    {"tidemark_untrack", 2, SQLITE_DIRECTONLY, entry<untrack>},
    {"tidemark_resolve", 2, SQLITE_DIRECTONLY, entry<resolve>},
    {"tidemark_retry", 1, SQLITE_DIRECTONLY, entry<settle<retry>>},
    {"tidemark_dismiss", 1, SQLITE_DIRECTONLY, entry<settle<dismiss>>},
    {"tidemark_check", 0, SQLITE_DIRECTONLY, entry<check>},
    {"tidemark_configure", 2, SQLITE_DIRECTONLY, entry<configure>},
    {"tidemark_policy", 3, SQLITE_DIRECTONLY, entry<policy>},
    {"tidemark_sync", 0, SQLITE_DIRECTONLY, entry<converse<&Session::sync>>},
    {"tidemark_pull", 0, SQLITE_DIRECTONLY, entry<converse<&Session::pull>>},
    {"tidemark_push", 0, SQLITE_DIRECTONLY, entry<converse<&Session::push>>},
};

}  // namespace

int register_functions(sqlite3* db) try {
  const std::shared_ptr<Shapes> shapes = make_shapes();
  const auto release = [](void* share) { delete static_cast<std::shared_ptr<Shapes>*>(share); };
  for (const Registration& function : kFunctions) {
    // SQLite releases the share also where the registration fails.
    const int code = sqlite3_create_function_v2(db, function.name, function.arguments, SQLITE_UTF8 | function.flags,
                                                new std::shared_ptr(shapes), function.function, nullptr, nullptr,
                                                release);
    if (code != SQLITE_OK) return code;
  }
  return SQLITE_OK;
} catch (const std::bad_alloc&) {
  return SQLITE_NOMEM;
}

}  // namespace tidemark::device
