// Where a function that talks to the hub may work: never while the caller holds
// a write lock, and in a connection that is in no transaction.
#pragma once

#include "sqlite_extension/statement.h"

namespace tidemark::device {

// The caller's connection; or, inside a transaction of the caller's that has
// written nothing, a connection of our own to the same file, so that what we
// commit does not depend on what becomes of that transaction.
class NetworkConnection {
 public:
  // Throws Error{kWrongState} if `db` holds a write lock, or has no file to open.
  explicit NetworkConnection(sqlite3* db);

  sqlite3* db() const { return db_; }

 private:
  struct Close {
    void operator()(sqlite3* db) const { sqlite3_close(db); }
  };
  std::unique_ptr<sqlite3, Close> own_;
  sqlite3* db_;
};

}  // namespace tidemark::device
