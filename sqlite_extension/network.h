// Where a function that talks to the hub may work: never while the caller holds
// a write lock, and in a connection that is in no transaction.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "sqlite_extension/statement.h"

namespace tidemark::device {

// A larger page cache for as long as it lives. A sync goes through a table in the order of the
// log or of the keys, which is no order of pages: what the default of 2 MB does not hold is read,
// and in a large transaction written, again and again.
class LargerCache {
 public:
  explicit LargerCache(sqlite3* db);
  ~LargerCache();
  LargerCache(const LargerCache&) = delete;
  LargerCache& operator=(const LargerCache&) = delete;

 private:
  sqlite3* db_;
  std::int64_t before_;  // as PRAGMA cache_size says it
};

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

  void open_own(sqlite3* db);

  std::unique_ptr<sqlite3, Close> own_;
  sqlite3* db_;
  std::optional<LargerCache> cache_;
};

}  // namespace tidemark::device
