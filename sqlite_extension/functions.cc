#include "sqlite_extension/functions.h"

#include <uuid/uuid.h>

#include "common/error.h"
#include "common/json_text.h"
#include "common/quote.h"
#include "common/uuid.h"
#include "sqlite_extension/catalog.h"
#include "sqlite_extension/conflicts.h"
#include "sqlite_extension/dangling.h"
#include "sqlite_extension/network.h"
#include "sqlite_extension/policies.h"
#include "sqlite_extension/resolve.h"
#include "sqlite_extension/status.h"
#include "sqlite_extension/sync.h"
#include "sqlite_extension/tracking.h"

namespace tidemark::device {

Shapes& shapes_of(sqlite3_context* context) {
  return **static_cast<std::shared_ptr<Shapes>*>(sqlite3_user_data(context));
}

namespace {

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
    const int code =
        sqlite3_create_function_v2(db, function.name, function.arguments, SQLITE_UTF8 | function.flags,
                                   new std::shared_ptr(shapes), function.function, nullptr, nullptr, release);
    if (code != SQLITE_OK) return code;
  }
  return SQLITE_OK;
} catch (const std::bad_alloc&) {
  return SQLITE_NOMEM;
}

}  // namespace tidemark::device
