#include "tests/sqlite/database.h"

#include <charconv>
#include <cstring>
#include <memory>

namespace tidemark::test {
namespace {

template <class T>
std::string bytes_of(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

std::string hex(std::string_view bytes) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string text;
  for (const char byte : bytes) {
    text += kHex[static_cast<unsigned char>(byte) >> 4];
    text += kHex[static_cast<unsigned char>(byte) & 15];
  }
  return text;
}

struct Finalize {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Prepared = std::unique_ptr<sqlite3_stmt, Finalize>;

[[noreturn]] void fail(sqlite3* db, std::string_view sql) {
  throw SqlFailure(sqlite3_extended_errcode(db), sqlite3_errmsg(db), std::string(sql));
}

// Prepares the first statement of `sql` and takes it off its front.
Prepared prepare(sqlite3* db, std::string_view& sql, std::string_view whole) {
  sqlite3_stmt* statement = nullptr;
  const char* rest = nullptr;
  const int code = sqlite3_prepare_v2(db, sql.data(), static_cast<int>(sql.size()), &statement, &rest);
  if (code != SQLITE_OK) fail(db, whole);
  sql.remove_prefix(static_cast<std::size_t>(rest - sql.data()));
  return Prepared(statement);
}

}  // namespace

Cell Cell::integer(std::int64_t value) { return {SQLITE_INTEGER, bytes_of(value)}; }

Cell Cell::real(double value) { return {SQLITE_FLOAT, bytes_of(value)}; }

std::int64_t Cell::as_integer() const {
  std::int64_t value = 0;
  if (type == SQLITE_INTEGER) std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

double Cell::as_real() const {
  double value = 0;
  if (type == SQLITE_FLOAT) std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

std::string show(const Cell& cell) {
  char buffer[40];
  switch (cell.type) {
    case SQLITE_INTEGER: return std::to_string(cell.as_integer());
    case SQLITE_FLOAT: {
      const auto end = std::to_chars(buffer, buffer + sizeof buffer, cell.as_real()).ptr;
      std::string text(buffer, end);
      return text.find_first_of(".en") == std::string::npos ? text + ".0" : text;
    }
    case SQLITE_TEXT: return "'" + cell.bytes + "'";
    case SQLITE_BLOB: return "x'" + hex(cell.bytes) + "'";
    default: return "NULL";
  }
}

std::string show(const Cells& cells) {
  std::string text = "(";
  for (const Cell& cell : cells) text += (text.size() > 1 ? ", " : "") + show(cell);
  return text + ")";
}

std::ostream& operator<<(std::ostream& out, const Cell& cell) { return out << show(cell); }

void bind(sqlite3_stmt* statement, int parameter, const Cell& cell) {
  const char* const bytes = cell.bytes.data();
  switch (cell.type) {
    case SQLITE_INTEGER: sqlite3_bind_int64(statement, parameter, cell.as_integer()); return;
    case SQLITE_FLOAT: sqlite3_bind_double(statement, parameter, cell.as_real()); return;
    case SQLITE_TEXT:
      sqlite3_bind_text64(statement, parameter, bytes, cell.bytes.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
      return;
    case SQLITE_BLOB: sqlite3_bind_blob64(statement, parameter, bytes, cell.bytes.size(), SQLITE_TRANSIENT); return;
    default: sqlite3_bind_null(statement, parameter);
  }
}

Cell cell_of(sqlite3_stmt* statement, int column) {
  switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER: return Cell::integer(sqlite3_column_int64(statement, column));
    case SQLITE_FLOAT: return Cell::real(sqlite3_column_double(statement, column));
    case SQLITE_TEXT: {
      const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, column));
      return Cell::text({text, static_cast<std::size_t>(sqlite3_column_bytes(statement, column))});
    }
    case SQLITE_BLOB: {
      const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement, column));
      return Cell::blob({bytes ? bytes : "", static_cast<std::size_t>(sqlite3_column_bytes(statement, column))});
    }
    default: return {};
  }
}

Database::Database(const std::string& path, int flags) {
  if (sqlite3_open_v2(path.c_str(), &handle_, flags, nullptr) != SQLITE_OK) {
    const std::string message = handle_ ? sqlite3_errmsg(handle_) : "out of memory";
    sqlite3_close(handle_);
    throw SqlFailure(SQLITE_CANTOPEN, message, "open " + path);
  }
  sqlite3_extended_result_codes(handle_, 1);
}

std::vector<Cells> Database::rows(std::string_view sql, const Cells& parameters) const {
  std::vector<Cells> rows;
  std::string_view rest = sql;
  while (!rest.empty()) {
    const Prepared statement = prepare(handle_, rest, sql);
    if (!statement) continue;  // white space or a comment
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      bind(statement.get(), static_cast<int>(i) + 1, parameters[i]);
    }
    int code = sqlite3_step(statement.get());
    for (; code == SQLITE_ROW; code = sqlite3_step(statement.get())) {
      Cells row;
      const int columns = sqlite3_column_count(statement.get());
      for (int i = 0; i < columns; ++i) row.push_back(cell_of(statement.get(), i));
      rows.push_back(std::move(row));
    }
    if (code != SQLITE_DONE) fail(handle_, sql);
  }
  return rows;
}

void Database::run(std::string_view sql) const { rows(sql); }

int Database::attempt(std::string_view sql) const {
  try {
    run(sql);
    return SQLITE_OK;
  } catch (const SqlFailure& failure) {
    return failure.code();
  }
}

std::string Database::failure(std::string_view sql) const {
  return attempt(sql) == SQLITE_OK ? "" : sqlite3_errmsg(handle_);
}

std::string Database::text(std::string_view sql) const {
  const auto found = rows(sql);
  if (found.empty() || found[0][0].is_null()) return "NULL";
  return found[0][0].type == SQLITE_TEXT ? found[0][0].bytes : show(found[0][0]);
}

std::int64_t Database::integer(std::string_view sql) const { return rows(sql).at(0).at(0).as_integer(); }

int Database::close() {
  const int code = sqlite3_close(handle_);
  if (code == SQLITE_OK) handle_ = nullptr;
  return code;
}

}  // namespace tidemark::test
