#include "sqlite_extension/statement.h"

#include <new>

namespace tidemark::device {

bool SqliteError::is_unique() const {
  return code_ == SQLITE_CONSTRAINT_UNIQUE || code_ == SQLITE_CONSTRAINT_PRIMARYKEY || code_ == SQLITE_CONSTRAINT_ROWID;
}

void throw_sqlite_error(sqlite3* db, int code) {
  const int extended = sqlite3_extended_errcode(db);
  if (code == SQLITE_NOMEM || extended == SQLITE_IOERR_NOMEM) throw std::bad_alloc();
  throw SqliteError((extended & 0xFF) == (code & 0xFF) ? extended : code, sqlite3_errmsg(db));
}

Statement::Statement(sqlite3* db, std::string_view sql) : db_(db) {
  sqlite3_stmt* statement = nullptr;
  check(sqlite3_prepare_v2(db, sql.data(), static_cast<int>(sql.size()), &statement, nullptr));
  handle_.reset(statement);
}

void Statement::bind(int parameter, std::int64_t value) { check(sqlite3_bind_int64(handle_.get(), parameter, value)); }

void Statement::bind(int parameter, std::string_view value) {
  check(sqlite3_bind_text64(handle_.get(), parameter, value.data() ? value.data() : "", value.size(), SQLITE_TRANSIENT,
                            SQLITE_UTF8));
}

void Statement::bind(int parameter, const Value& value) {
  const ValueView view = value.view();
  if (view.type == Type::kText) {
    bind(parameter, view.bytes);
  } else if (view.type == Type::kBlob) {
    bind_blob(parameter, view.bytes);
  } else {
    bind_static(parameter, view);
  }
}

void Statement::bind_static(int parameter, const ValueView& value) {
  const char* const bytes = value.bytes.data() ? value.bytes.data() : "";
  switch (value.type) {
    case Type::kNull: return bind_null(parameter);
    case Type::kInteger: return bind(parameter, value.integer);
    case Type::kReal: return check(sqlite3_bind_double(handle_.get(), parameter, value.real));
    case Type::kText:
      return check(
          sqlite3_bind_text64(handle_.get(), parameter, bytes, value.bytes.size(), SQLITE_STATIC, SQLITE_UTF8));
    case Type::kBlob:
      return check(sqlite3_bind_blob64(handle_.get(), parameter, bytes, value.bytes.size(), SQLITE_STATIC));
  }
}

void Statement::bind_blob(int parameter, std::string_view bytes) {
  check(
      sqlite3_bind_blob64(handle_.get(), parameter, bytes.data() ? bytes.data() : "", bytes.size(), SQLITE_TRANSIENT));
}

void Statement::bind_null(int parameter) { check(sqlite3_bind_null(handle_.get(), parameter)); }

bool Statement::step() {
  const int code = sqlite3_step(handle_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  // Reset first, so that the connection holds the message of this statement
  // and the statement can be used again.
  sqlite3_reset(handle_.get());
  throw_sqlite_error(db_, code);
}

void Statement::run() {
  while (step()) {
  }
  reset();
}

void Statement::reset() { sqlite3_reset(handle_.get()); }

void Statement::end() noexcept {
  sqlite3_step(handle_.get());
  sqlite3_reset(handle_.get());
}

std::string_view Statement::text(int column) const {
  const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(handle_.get(), column));
  if (!bytes) {
    if (sqlite3_errcode(db_) == SQLITE_NOMEM) throw std::bad_alloc();
    return {};
  }
  return {bytes, static_cast<std::size_t>(sqlite3_column_bytes(handle_.get(), column))};
}

ValueView Statement::view(int column) const {
  switch (sqlite3_column_type(handle_.get(), column)) {
    case SQLITE_INTEGER: return ValueView::of(std::int64_t{integer(column)});
    case SQLITE_FLOAT: return ValueView::of(sqlite3_column_double(handle_.get(), column));
    case SQLITE_TEXT: return ValueView::text(text(column));
    case SQLITE_BLOB: {
      const auto* bytes = static_cast<const char*>(sqlite3_column_blob(handle_.get(), column));
      const auto size = static_cast<std::size_t>(sqlite3_column_bytes(handle_.get(), column));
      if (!bytes && sqlite3_errcode(db_) == SQLITE_NOMEM) throw std::bad_alloc();
      return ValueView::blob({bytes, bytes ? size : 0});
    }
    default: return ValueView::null();
  }
}

void Statement::check(int code) const {
  if (code != SQLITE_OK) throw_sqlite_error(db_, code);
}

void execute(sqlite3* db, const std::string& sql) {
  const int code = sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) throw_sqlite_error(db, code);
}

Rollback::Rollback(sqlite3* db) : db_(db), reader_(db, "select count(*) from main.sqlite_master") {}

void Rollback::run(const char* sql) noexcept {
  // A failed statement may have rolled back already; then there is nothing to end.
  if (sqlite3_get_autocommit(db_)) return;
  if (sqlite3_exec(db_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) reader_.end();
}

Transaction::Transaction(sqlite3* db) : db_(db), rollback_(db) {
  execute(db, "begin immediate");
  try {
    rollback_.prepare();
  } catch (...) {
    rollback_.run("rollback");
    throw;
  }
}

Transaction::~Transaction() {
  if (open_) rollback_.run("rollback");
}

void Transaction::commit() {
  execute(db_, "commit");
  open_ = false;
}

Savepoint::Savepoint(sqlite3* db) : db_(db), outermost_(sqlite3_get_autocommit(db) != 0), rollback_(db) {
  execute(db, "savepoint tidemark");
}

Savepoint::~Savepoint() {
  if (open_) rollback_.run(outermost_ ? "rollback" : "rollback to tidemark; release tidemark");
}

void Savepoint::release() {
  execute(db_, "release tidemark");
  open_ = false;
}

}  // namespace tidemark::device
