// Lets the application's own triggers see what the hub changed. The rows are
// written with all triggers off (writer.h); where the application has triggers
// on a tracked table, the changes are then played once more with triggers on,
// and what these did to tracked tables is undone: the hub says what is in them.
// What they did elsewhere, a full-text index say, stays.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sqlite_extension/catalog.h"

namespace tidemark::device {

class Writer;

// Whether the application has a trigger on one of the tables.
bool has_application_triggers(sqlite3* db, const std::vector<TrackedTable>& tables);

// A trigger, or an ON CONFLICT ROLLBACK, has ended the whole transaction, and what was applied with it.
class TriggerRollback : public SqliteError {
 public:
  using SqliteError::SqliteError;
};

// Remembers how rows were before they were first touched in a transaction.
class TriggerRun {
 public:
  explicit TriggerRun(sqlite3* db) : db_(db) {}

  // Called by a writer before it changes a row.
  void touch(const TrackedTable& table, const std::vector<ValueView>& key);

  // Plays the changes with triggers on. Triggers and foreign keys are off
  // before and after. A change that a trigger refuses stays as the hub has it;
  // the refusal is kept as "trigger_error" in tidemark_meta. Throws TriggerRollback.
  void play(const std::vector<TrackedTable>& tables);

 private:
  // A row as it is: without one of them, there is none.
  struct Image {
    std::optional<std::int64_t> rowid;
    Row columns;
  };
  struct Touched {
    const TrackedTable* table;
    Row key;
    std::optional<Image> before;
    std::optional<Image> after;
  };
  std::optional<Image> read(const TrackedTable& table, const Row& key) const;
  void remove(const Touched& row) const;
  void insert(const Touched& row, const Image& image, const char* verb) const;
  void fire_all();
  bool fire(Touched& row, bool may_wait) const;
  void undo(const TrackedTable& table, std::int64_t after_seq) const;

  sqlite3* db_;
  std::vector<Touched> rows_;
  std::map<std::pair<std::int64_t, std::string>, std::size_t> places_;
};

}  // namespace tidemark::device
