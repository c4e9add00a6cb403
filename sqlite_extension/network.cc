#include "sqlite_extension/network.h"

#include "common/error.h"
#include "sqlite_extension/boundary.h"

namespace tidemark::device {
namespace {

constexpr int kBusyTimeoutMs = 5000;
constexpr std::int64_t kCacheBytes = std::int64_t{32} << 20;

std::int64_t pragma_of(sqlite3* db, const char* name) {
  Statement pragma(db, std::string("pragma main.") + name);
  pragma.step();
  return pragma.integer(0);
}

void set_cache_size(sqlite3* db, std::int64_t size) { execute(db, "pragma main.cache_size = " + std::to_string(size)); }

bool is_wal(sqlite3* db) {
  Statement mode(db, "pragma main.journal_mode");
  return mode.step() && mode.text(0) == "wal";
}

}  // namespace

LargerCache::LargerCache(sqlite3* db) : db_(db), before_(pragma_of(db, "cache_size")) {
  const std::int64_t bytes = before_ < 0 ? -before_ * 1024 : before_ * pragma_of(db, "page_size");
  if (bytes < kCacheBytes) set_cache_size(db, -kCacheBytes / 1024);
}

LargerCache::~LargerCache() {
  try {
    set_cache_size(db_, before_);
  } catch (const std::exception&) {
    // There was no memory for the statement. A cache that stays larger is right too.
  }
}

NetworkConnection::NetworkConnection(sqlite3* db) : db_(db) {
  require_writable(db);
  if (!sqlite3_get_autocommit(db)) open_own(db);
  cache_.emplace(db_);
}

void NetworkConnection::open_own(sqlite3* db) {
  if (sqlite3_txn_state(db, nullptr) == SQLITE_TXN_WRITE) {
    throw Error(ErrorCode::kWrongState,
                "this transaction has written: it would lock the database while the network is slow",
                "COMMIT first, then sync.");
  }
  if (sqlite3_txn_state(db, "main") == SQLITE_TXN_READ && !is_wal(db)) {
    throw Error(ErrorCode::kWrongState,
                "this transaction has read, and without a write-ahead log nothing can be written beside it",
                "COMMIT first, then sync; or use PRAGMA journal_mode = WAL.");
  }
  const char* const file = sqlite3_db_filename(db, "main");
  if (!file || !*file) {
    throw Error(ErrorCode::kWrongState, "a database without a file cannot be synced inside a transaction",
                "COMMIT first, then sync.");
  }
  const int code = sqlite3_open_v2(file, &db_, SQLITE_OPEN_READWRITE, nullptr);
  own_.reset(db_);
  if (code != SQLITE_OK) throw_sqlite_error(db_, code);
  sqlite3_extended_result_codes(db_, 1);
  sqlite3_busy_timeout(db_, kBusyTimeoutMs);
}

}  // namespace tidemark::device
