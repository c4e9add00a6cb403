// tidemark_connect and tidemark_disconnect: whose device this database is.
#include "common/error.h"
#include "common/json_text.h"
#include "common/quote.h"
#include "common/wire.h"
#include "sqlite_extension/catalog.h"
#include "sqlite_extension/functions.h"
#include "sqlite_extension/network.h"
#include "sqlite_extension/options.h"
#include "sqlite_extension/pushes.h"
#include "sqlite_extension/sync.h"
#include "sqlite_extension/tracking.h"

namespace tidemark::device {
namespace {

namespace dom = simdjson::dom;

std::optional<std::string_view> ca_option(const Options& options) {
  return options.get<std::string_view>("ca", "a text");
}

std::optional<std::uint64_t> timeout_option(const Options& options) {
  return options.get<std::uint64_t>("timeout", "a whole number of seconds");
}

// What is not given is as an earlier call has said.
HttpOptions http_options(sqlite3* db, const Options& options) {
  HttpOptions http = Hub::options_of(db);
  if (const auto ca = ca_option(options)) http.ca_file = *ca;
  if (const auto timeout = timeout_option(options)) http.stall_timeout_s = static_cast<long>(*timeout);
  return http;
}

// In a transaction of the caller.
void keep_address(sqlite3* db, const std::string& url, const Options& options) {
  set_meta(db, "url", url);
  if (const auto ca = ca_option(options)) set_meta(db, "ca", *ca);
  if (const auto timeout = timeout_option(options)) set_meta(db, "timeout", std::to_string(*timeout));
}

std::string connection_json(sqlite3* db) {
  JsonObject connection;
  for (const char* key : {"url", "user", "device"}) connection.add(key, meta(db, key).value_or(""));
  return connection.add("cursor", meta(db, "cursor").value_or("0")).text();
}

// Whether this database has an identity that the hub at `url` still accepts. The
// hub's address, or the way there, may have changed: then the new one is kept.
bool is_connected_already(sqlite3* db, const std::string& url, const std::string& user, const HttpOptions& http,
                          const Options& options) {
  const auto token = meta(db, "token");
  if (!token) return false;
  const std::string before = meta(db, "url").value_or("");
  try {
    if (meta(db, "user") == user) {
      dom::parser parser;
      if (text_or_empty(answer_in(parser, Hub(url, *token, http).status()), "epoch") == meta(db, "epoch")) {
        Transaction transaction(db);
        keep_address(db, url, options);
        transaction.commit();
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
  give_up_identity(db);
  keep_address(db, url, options);
  set_meta(db, "user", user);
  set_meta(db, "device", enrolment.device);
  set_meta(db, "token", enrolment.token);
  expect_former_pushes(db, enrolment.head);
  if (!epoch) {
    set_meta(db, "epoch", enrolment.epoch);
    set_meta(db, "cursor", std::to_string(enrolment.head));
  }
  transaction.commit();
}

}  // namespace

// tidemark_connect(url, user, secret [, options]) -> JSON
void connect(sqlite3_context* context, Arguments arguments) {
  const std::string url = text_argument(arguments, 0, "url");
  const std::string user = text_argument(arguments, 1, "user");
  const std::string secret = text_argument(arguments, 2, "secret");
  const Options options(arguments, 3, {"ca", "timeout", "name"});
  if (url.rfind("http://", 0) != 0 && url.rfind("https://", 0) != 0) {
    throw Error(ErrorCode::kInvalidInput, "\"" + url + "\" is not an http or https URL",
                "Write it like http://127.0.0.1:8880 or https://hub.example.com.");
  }

  NetworkConnection connection(sqlite3_context_db_handle(context));
  sqlite3* const db = connection.db();
  const HttpOptions http = http_options(db, options);
  if (!has_metadata(db) || !is_connected_already(db, url, user, http, options)) {
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
    give_up_identity(db);
    for (const char* key : {"url", "user", "token", "ca", "timeout"}) clear_meta(db, key);
    savepoint.release();
  }
  sqlite3_result_int(context, connected);
}

}  // namespace tidemark::device
