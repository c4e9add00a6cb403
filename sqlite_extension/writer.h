// Writes the hub's rows of one table into this database: prepared once, no
// trigger and no foreign key in the way (see ApplyScope), and never stopped by
// a constraint of the device.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/wire.h"
#include "sqlite_extension/catalog.h"
#include "sqlite_extension/conflicts.h"
#include "sqlite_extension/displaced.h"
#include "sqlite_extension/expression.h"
#include "sqlite_extension/log.h"
#include "sqlite_extension/trigger_run.h"

namespace tidemark::device {

// Turns the connection's triggers and foreign keys off for a scope: what the
// hub sent is no local change, and needs no check. Only for this connection.
class ApplyScope {
 public:
  explicit ApplyScope(sqlite3* db);
  ~ApplyScope();
  ApplyScope(const ApplyScope&) = delete;
  ApplyScope& operator=(const ApplyScope&) = delete;

 private:
  sqlite3* db_;
  int triggers_ = 0;
  int foreign_keys_ = 0;
};

// Some columns of a row, by their place in LocalTable::columns, rising.
struct Cells {
  std::vector<std::size_t> places;
  std::vector<ValueView> values;
};

// Where a conflict comes from.
struct Origin {
  std::string device;  // empty: the hub itself
  std::int64_t at_ms = 0;
  std::optional<std::int64_t> seq;
  bool own = false;  // this device's own push, read back
};

class Writer {
 public:
  // `run`, if given, learns of every row before it is changed.
  Writer(sqlite3* db, const TrackedTable& table, TriggerRun* run = nullptr);

  const TrackedTable& table() const { return table_; }
  const LocalTable& local() const { return table_.local; }
  PendingIndex& pending() { return pending_; }

  // The row's columns without its key, also if it has made room for another; nullopt if
  // there is none of exactly this key.
  std::optional<Row> read(const std::vector<ValueView>& key);

  // Inserts the row, or sets these cells of the row that is there. With
  // `only_if_different` a row that has the values already is not touched.
  void put(const std::vector<ValueView>& key, const Cells& cells, const Origin& origin, bool only_if_different = false);
  // Sets cells of a row; nothing if there is none.
  void update(const std::vector<ValueView>& key, const Cells& cells, const Origin& origin) {
    try_update(key, cells, origin, nullptr);
  }
  // False, and nothing done, if a constraint of this device refuses them; `refusal` says
  // which. Without it the refusal is recorded as a conflict.
  bool try_update(const std::vector<ValueView>& key, const Cells& cells, const Origin& origin, std::string* refusal);
  void remove(const std::vector<ValueView>& key);

  // Whether a load is for this column: of columns that were gained it is for them alone.
  bool is_loaded(std::size_t place) const;

  // Evaluates the expressions of policies.
  Expressions& expressions() { return expressions_ ? *expressions_ : expressions_.emplace(); }

  // Puts back the rows that had to make room for others. Those that still find none are kept until the
  // table's rows are of one moment; `read_to` is how far the log is read, -1 if there is more of it. Then
  // they are set aside: of two rows the pending one, of two of the hub the one put back.
  void settle(const Origin& origin, std::int64_t read_to = -1);

  // The row as JSON, {"id":…,"name":…}, for conflicts.
  std::string row_json(const std::vector<ValueView>& key, const Row& columns) const;

  // What the hub has in the columns that are changed here, as JSON.
  std::string base_json(const Pending& pending) const;

  // The hub's kind of a column; of a column that only this device has, text.
  Kind key_kind(std::size_t place) const { return key_kinds_[place]; }
  Kind kind(std::size_t place) const { return kinds_[place]; }

 private:
  // Which rows may have to make room for a row of the hub.
  enum class Holders { kAll, kPendingOnly, kNone };
  struct Displaced {
    Row key;
    Row columns;
    Origin origin;      // of the row that it made room for
    bool kept = false;  // since an earlier transaction
  };
  // The upsert or update of one set of columns.
  Statement& upsert_of(const std::vector<std::size_t>& places, bool only_if_different);
  Statement& update_of(const std::vector<std::size_t>& places);
  bool upsert(const std::vector<ValueView>& key, const Cells& cells, const Origin& origin, Holders holders,
              bool only_if_different, std::string* refusal = nullptr);
  std::optional<Row> read_table(const std::vector<ValueView>& key);
  void bind_key(Statement& statement, int first, const std::vector<ValueView>& key);
  template <class Write>
  bool store(const std::vector<ValueView>& key, const Cells& cells, const Origin& origin, Holders holders,
             const Write& write, std::string* refusal = nullptr);
  void make_room(const std::vector<ValueView>& key, const Cells& cells, const Origin& origin, Holders which);
  // Both displace rows that hold what the row of `key` is to have: values, or a key that is
  // the same by its column's collation only. True if a row that may not be displaced does.
  bool displace_holders(const UniqueSet& unique, const std::vector<ValueView>& values,
                        const std::vector<ValueView>& key, const Origin& origin, Holders which);
  bool displace_namesakes(const std::vector<ValueView>& key, const Origin& origin, Holders which);
  void displace(const Row& key, const Row& columns, const Origin& origin);
  bool some_displaced() { return !displaced_.empty() || !kept_.empty(); }
  Displaced* find_displaced(const std::vector<ValueView>& key, const Origin& origin);
  bool put_back(const Displaced& row, Holders which, std::string& refusal);
  void set_aside(const Displaced& row, const std::string& lookup);
  void refuse(const std::vector<ValueView>& key, const Cells& cells, const Origin& origin, const std::string& kind,
              const std::string& message);
  std::optional<bool> take_back(const std::vector<ValueView>& key, const Cells& cells, const Origin& origin,
                                std::string* refusal = nullptr);

  void touch(const std::vector<ValueView>& key) {
    if (run_) run_->touch(table_, key);
  }

  sqlite3* db_;
  const TrackedTable& table_;
  TriggerRun* run_;
  std::vector<Kind> key_kinds_;
  std::vector<Kind> kinds_;
  PendingIndex pending_;
  std::string where_key_;      // with the key as ?1, ?2 …
  bool collates_keys_ = false;  // two keys of the hub may be one here
  std::unique_ptr<Statement> read_;
  std::unique_ptr<Statement> remove_;
  std::unique_ptr<Statement> namesake_;  // is there a row whose key is the same by collation only?
  std::map<std::pair<std::vector<std::size_t>, bool>, Statement> upserts_;
  std::map<std::vector<std::size_t>, Statement> updates_;
  std::unordered_map<std::string, Displaced> displaced_;
  DisplacedRows kept_;
  std::optional<Expressions> expressions_;
};

// , "a", "b": the names of the columns at these places.
std::string column_list(const std::vector<LocalColumn>& columns, const std::vector<std::size_t>& places);
std::vector<std::size_t> all_places(std::size_t count);

// " where …" for the row of exactly this key, with the key as ?1, ?2 …
std::string where_key(const LocalTable& table);

std::string lookup_of(const std::vector<ValueView>& key);
std::vector<ValueView> views_of(const Row& row);

}  // namespace tidemark::device
