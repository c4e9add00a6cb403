// The border between SQLite's callbacks and C++: nothing but a result code and
// a message leaves, whatever was thrown.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "sqlite_extension/api.h"

namespace tidemark::device {

using Arguments = std::span<sqlite3_value*>;
using Function = void (*)(sqlite3_context*, Arguments);

// Turns the exception in flight into the function's result: message, hint and code.
void report_current_exception(sqlite3_context* context) noexcept;

// What SQLite calls: runs `function`, lets nothing escape.
template <Function function>
void entry(sqlite3_context* context, int count, sqlite3_value** values) noexcept {
  try {
    function(context, {values, static_cast<std::size_t>(count)});
  } catch (...) {
    report_current_exception(context);
  }
}

// An argument that must be a text. Throws Error{kInvalidInput} naming it.
std::string text_argument(Arguments arguments, std::size_t place, const char* name);

// Throws SqliteError{SQLITE_READONLY} for a database that cannot be written.
void require_writable(sqlite3* db);

// A text result, copied.
void return_text(sqlite3_context* context, std::string_view text);

}  // namespace tidemark::device
