#include "pg_extension/guard.h"

#include <cstring>
#include <new>

namespace tidemark::pg {
namespace {

constexpr int tidemark_state(char hundreds, char tens, char ones) {
  return MAKE_SQLSTATE('T', 'M', hundreds, tens, ones);
}

int sqlstate_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidInput:
    case ErrorCode::kSchemaMismatch:
    case ErrorCode::kProtocol: return tidemark_state('4', '0', '0');
    case ErrorCode::kUnauthorized: return tidemark_state('4', '0', '1');
    case ErrorCode::kForbidden: return tidemark_state('4', '0', '3');
    case ErrorCode::kNotTracked:
    case ErrorCode::kNotFound: return tidemark_state('4', '0', '4');
    case ErrorCode::kBehind: return tidemark_state('4', '0', '9');
    case ErrorCode::kForked: return tidemark_state('4', '1', '0');
    case ErrorCode::kAhead: return tidemark_state('4', '1', '1');
    case ErrorCode::kTooLarge: return tidemark_state('4', '1', '3');
    case ErrorCode::kAlreadyExists: return ERRCODE_DUPLICATE_OBJECT;
    case ErrorCode::kUnsupported: return ERRCODE_FEATURE_NOT_SUPPORTED;
    case ErrorCode::kWrongState: return ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE;
    case ErrorCode::kUnreachable:
    case ErrorCode::kUnavailable: return ERRCODE_CANNOT_CONNECT_NOW;
    case ErrorCode::kInternal: return ERRCODE_INTERNAL_ERROR;
  }
  return ERRCODE_INTERNAL_ERROR;
}

// Cuts at the buffer's size, never inside a character.
void copy_truncated(std::array<char, 1024>& buffer, const char* text) {
  const int length = static_cast<int>(std::strlen(text));
  const int kept = pg_encoding_mbcliplen(PG_UTF8, text, length, static_cast<int>(buffer.size()) - 1);
  std::memcpy(buffer.data(), text, kept);
  buffer[kept] = '\0';
}

}  // namespace

Failure current_failure() {
  Failure failure;
  failure.happened = true;
  try {
    throw;
  } catch (const ServerError&) {
    failure.from_server = true;
  } catch (const SqlError& error) {
    failure.sqlstate = error.sqlstate();
    copy_truncated(failure.message, error.what());
    copy_truncated(failure.hint, error.hint().c_str());
  } catch (const Error& error) {
    failure.sqlstate = sqlstate_of(error.code());
    copy_truncated(failure.message, error.what());
    copy_truncated(failure.hint, error.hint().c_str());
  } catch (const std::bad_alloc&) {
    failure.sqlstate = ERRCODE_OUT_OF_MEMORY;
    copy_truncated(failure.message, "out of memory");
  } catch (const std::exception& error) {
    copy_truncated(failure.message, error.what());
  } catch (...) {
    copy_truncated(failure.message, "unknown C++ exception");
  }
  return failure;
}

void raise(const Failure& failure) {
  if (failure.from_server) PG_RE_THROW();

  ereport(ERROR, (errcode(failure.sqlstate), errmsg("%s", failure.message.data()),
                  failure.hint[0] ? errhint("%s", failure.hint.data()) : 0));
  pg_unreachable();
}

Datum run_for_server(Function function, FunctionCallInfo fcinfo) {
  Failure failure;
  try {
    return function(fcinfo);
  } catch (...) {
    failure = current_failure();
  }
  raise(failure);
}

Datum text_datum(const std::string& value) {
  return call([&] { return PointerGetDatum(cstring_to_text_with_len(value.data(), static_cast<int>(value.size()))); });
}

std::string_view text_view_argument(FunctionCallInfo fcinfo, int number) {
  const text* const value = call([&] { return PG_GETARG_TEXT_PP(number); });
  return {VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value)};
}

}  // namespace tidemark::pg
