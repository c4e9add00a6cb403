// SQLite's C API as values: statements that finalize themselves, result codes
// that become exceptions and leave again unchanged (see boundary.h).
#pragma once

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include "common/value.h"
#include "sqlite_extension/api.h"

namespace tidemark::device {

// A failure of SQLite itself, with its extended result code.
class SqliteError : public std::runtime_error {
 public:
  SqliteError(int code, const std::string& message) : std::runtime_error(message), code_(code) {}

  int code() const { return code_; }

  // UNIQUE, NOT NULL, CHECK, a datatype of a STRICT table, a trigger's RAISE …
  bool is_constraint() const { return (code_ & 0xFF) == SQLITE_CONSTRAINT; }
  // A UNIQUE index, a primary key or a rowid that another row has already.
  bool is_unique() const;

 private:
  int code_;
};

// Throws SqliteError (std::bad_alloc for SQLITE_NOMEM) with the connection's message.
[[noreturn]] void throw_sqlite_error(sqlite3* db, int code);

// One prepared statement, finalized at the end of its scope.
//
//   Statement find(db, "select name from note where id = ?1");
//   find.bind(1, key);
//   while (find.step()) names.push_back(find.text(0));
class Statement {
 public:
  Statement(sqlite3* db, std::string_view sql);

  // Parameters count from 1. `bind` copies the bytes; `bind_static` needs them
  // to stay until the next reset.
  void bind(int parameter, std::int64_t value);
  void bind(int parameter, std::string_view value);
  void bind(int parameter, const Value& value);
  void bind_static(int parameter, const ValueView& value);
  void bind_blob(int parameter, std::string_view bytes);
  void bind_null(int parameter);

  // True while there is a row to read; false at the end.
  bool step();

  // Runs a statement that gives no rows, and resets it for the next run.
  void run();

  void reset();

  // One step, whatever comes of it, and a reset.
  void end() noexcept;

  // Columns count from 0. A view is valid until the next step().
  std::int64_t integer(int column) const { return sqlite3_column_int64(handle_.get(), column); }
  std::string_view text(int column) const;
  bool is_null(int column) const { return sqlite3_column_type(handle_.get(), column) == SQLITE_NULL; }
  ValueView view(int column) const;
  Value value(int column) const { return Value(view(column)); }

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  void check(int code) const;

  sqlite3* db_;
  std::unique_ptr<sqlite3_stmt, Finalize> handle_;
};

// Runs one or several statements that give no rows.
void execute(sqlite3* db, const std::string& sql);

// A rollback that needs no memory. Once a statement inside a function's call has
// found none, SQLite runs no other until the call returns, a ROLLBACK neither. But
// a statement that reads and fails for it rolls the whole transaction back
// (https://www.sqlite.org/lang_transaction.html, section 2.3): one is kept for that.
class Rollback {
 public:
  explicit Rollback(sqlite3* db);

  // Begins to read, which makes it sure also when an ApplyScope has made SQLite
  // forget what was prepared. No table can be dropped from here on.
  void prepare() { reader_.step(); }

  // Runs `sql`, or rolls the whole transaction back.
  void run(const char* sql) noexcept;

 private:
  sqlite3* db_;
  Statement reader_;
};

// A transaction of our own: BEGIN IMMEDIATE, rolled back unless committed.
class Transaction {
 public:
  explicit Transaction(sqlite3* db);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit();

 private:
  sqlite3* db_;
  Rollback rollback_;
  bool open_ = true;
};

// A savepoint that works inside the caller's transaction or opens one. An
// ApplyScope has to be around it, not in it; without memory it rolls all of the
// caller's transaction back.
class Savepoint {
 public:
  explicit Savepoint(sqlite3* db);
  ~Savepoint();
  Savepoint(const Savepoint&) = delete;
  Savepoint& operator=(const Savepoint&) = delete;
  void release();

 private:
  sqlite3* db_;
  bool outermost_;
  Rollback rollback_;
  bool open_ = true;
};

}  // namespace tidemark::device
