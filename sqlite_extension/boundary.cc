#include "sqlite_extension/boundary.h"

#include <simdjson.h>

#include <exception>
#include <new>

#include "common/error.h"
#include "sqlite_extension/statement.h"

namespace tidemark::device {
namespace {

int result_code_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidInput: return SQLITE_ERROR;
    case ErrorCode::kNotTracked: return SQLITE_ERROR;
    case ErrorCode::kNotFound: return SQLITE_ERROR;
    case ErrorCode::kAlreadyExists: return SQLITE_ERROR;
    case ErrorCode::kUnsupported: return SQLITE_ERROR;
    case ErrorCode::kSchemaMismatch: return SQLITE_MISMATCH;
    case ErrorCode::kWrongState: return SQLITE_MISUSE;
    case ErrorCode::kUnauthorized: return SQLITE_AUTH;
    case ErrorCode::kForbidden: return SQLITE_PERM;
    case ErrorCode::kBehind: return SQLITE_BUSY;
    case ErrorCode::kForked: return SQLITE_ERROR;
    case ErrorCode::kAhead: return SQLITE_ERROR;
    case ErrorCode::kTooLarge: return SQLITE_TOOBIG;
    case ErrorCode::kUnreachable: return SQLITE_IOERR;
    case ErrorCode::kUnavailable: return SQLITE_IOERR;
    case ErrorCode::kProtocol: return SQLITE_PROTOCOL;
    case ErrorCode::kInternal: return SQLITE_INTERNAL;
  }
  return SQLITE_ERROR;
}

void report(sqlite3_context* context, const std::string& message, int code) {
  sqlite3_result_error(context, message.c_str(), static_cast<int>(message.size()));
  sqlite3_result_error_code(context, code);  // after the message: it resets the code
}

}  // namespace

void report_current_exception(sqlite3_context* context) noexcept {
  try {
    try {
      throw;
    } catch (const Error& error) {
      std::string message = error.what();
      if (!error.hint().empty()) message += ". Hint: " + error.hint();
      report(context, message, result_code_of(error.code()));
    } catch (const SqliteError& error) {
      report(context, error.what(), error.code());
    } catch (const std::bad_alloc&) {
      sqlite3_result_error_nomem(context);
    } catch (const std::exception& error) {
      report(context, std::string("internal error: ") + error.what(), SQLITE_INTERNAL);
    }
  } catch (...) {
    sqlite3_result_error_nomem(context);  // no memory even for the message
  }
}

std::string text_argument(Arguments arguments, std::size_t place, const char* name) {
  sqlite3_value* const value = arguments[place];
  if (sqlite3_value_type(value) != SQLITE_TEXT) {
    throw Error(ErrorCode::kInvalidInput, std::string(name) + " must be a text",
                "Give it as a string in single quotes.");
  }
  const auto* bytes = reinterpret_cast<const char*>(sqlite3_value_text(value));
  if (!bytes) throw std::bad_alloc();
  const std::string_view text(bytes, static_cast<std::size_t>(sqlite3_value_bytes(value)));
  if (!simdjson::validate_utf8(text)) {
    throw Error(ErrorCode::kInvalidInput, std::string(name) + " must be valid UTF-8",
                "SQLite keeps whatever bytes are cast to text; the hub does not.");
  }
  return std::string(text);
}

void require_writable(sqlite3* db) {
  Statement query_only(db, "pragma query_only");
  const bool forbidden = query_only.step() && query_only.integer(0) != 0;
  if (sqlite3_db_readonly(db, "main") != 1 && !forbidden) return;
  throw SqliteError(SQLITE_READONLY,
                    "the database is read-only, and Tidemark writes beside the application's tables. "
                    "Hint: Open it for writing, and check the rights of the file and its folder.");
}

void return_text(sqlite3_context* context, std::string_view text) {
  sqlite3_result_text64(context, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
}

}  // namespace tidemark::device
