// A SQLite connection for tests: SQL in, exact values out. Written without the
// device's own code, so that a test never checks it against itself.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <ostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace tidemark::test {

// A value by its storage class and its bytes: 1 is not 1.0, 0.0 is not -0.0.
struct Cell {
  int type = SQLITE_NULL;
  std::string bytes;  // of an integer or a double: the 8 bytes of it

  static Cell integer(std::int64_t value);
  static Cell real(double value);
  static Cell text(std::string_view value) { return {SQLITE_TEXT, std::string(value)}; }
  static Cell blob(std::string_view value) { return {SQLITE_BLOB, std::string(value)}; }

  bool is_null() const { return type == SQLITE_NULL; }
  std::int64_t as_integer() const;
  double as_real() const;

  auto operator<=>(const Cell&) const = default;
};

using Cells = std::vector<Cell>;

// The value as SQL would write it: NULL, 1, 1.0, 'text', x'00ff'.
std::string show(const Cell& cell);
std::string show(const Cells& cells);
std::ostream& operator<<(std::ostream& out, const Cell& cell);

// A statement failed: SQLite's extended code, its message, and the statement.
class SqlFailure : public std::runtime_error {
 public:
  SqlFailure(int code, const std::string& message, const std::string& sql)
      : std::runtime_error(message + "  [" + std::to_string(code) + "] in: " + sql), code_(code) {}
  int code() const { return code_; }

 private:
  int code_;
};

class Database {
 public:
  explicit Database(const std::string& path = ":memory:", int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  ~Database() { sqlite3_close_v2(handle_); }
  Database(Database&& other) noexcept : handle_(other.handle_) { other.handle_ = nullptr; }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  sqlite3* handle() const { return handle_; }

  // Throws SqlFailure.
  void run(std::string_view sql) const;
  std::vector<Cells> rows(std::string_view sql, const Cells& parameters = {}) const;

  // SQLITE_OK or the extended code of the statement that failed.
  int attempt(std::string_view sql) const;

  // The first column of the first row as text; "NULL" for null and for no row.
  std::string text(std::string_view sql) const;
  std::int64_t integer(std::string_view sql) const;

  // The message of a statement that must fail; "" if it does not.
  std::string failure(std::string_view sql) const;

  // sqlite3_close(): SQLITE_BUSY while something of the connection is still in use.
  int close();

 private:
  sqlite3* handle_ = nullptr;
};

void bind(sqlite3_stmt* statement, int parameter, const Cell& cell);
Cell cell_of(sqlite3_stmt* statement, int column);

}  // namespace tidemark::test
