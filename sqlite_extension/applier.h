// Applies what was pulled: commit by commit, each change either straight into
// the table or, where the device has a pending change to the same row, by
// meeting it. Used inside one transaction and one ApplyScope.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/wire.h"
#include "sqlite_extension/writer.h"

namespace tidemark::device {

// A change with values of its own, kept until its commit is complete.
struct TheirChange {
  Row key;
  bool deletes = false;   // the row is gone, before anything below
  bool replaces = false;  // the whole row is given
  std::map<std::size_t, Value> cells;
  std::int64_t at_ms = 0;
};

class Applier {
 public:
  // `tables` must outlive the applier. `device`: this device's id. `fires`: the
  // application's triggers see the changes.
  Applier(sqlite3* db, const std::vector<TrackedTable>& tables, std::string device, bool fires);
  ~Applier();

  // Applies a page of the log that was asked for with `have` (docs/protocol.md). Pages
  // of one commit follow each other; `finish` ends the last one.
  void log_page(simdjson::dom::element page, std::int64_t have);

  // Applies a page of a first load. Commits up to `head` are in it.
  void rows_page(simdjson::dom::element page);

  // Completes what waits for the end of a commit, and of the transaction. `read_to`: how
  // far the log is read; -1 if there is more of it. Throws TriggerRollback.
  void finish(std::int64_t read_to = -1);

  // How many changes of tracked tables there were.
  std::int64_t changes() const { return changes_; }

  // The changes of an own push were left out of a page, and not all of its values are
  // here any more: the page must be asked for without `have`.
  bool needs_own_changes() const { return needs_own_changes_; }

 private:
  struct Target;
  std::vector<Target> targets_of(const std::vector<WireTable>& tables);
  void begin_commit(std::int64_t seq, Origin origin, std::int64_t push);
  void end_commit();
  void apply(const Target& target, const WireChange& change, const Origin& origin);
  void keep(Writer& writer, const std::string& lookup, const std::vector<ValueView>& key, const Cells& cells,
            Op op, std::int64_t at_ms);
  void note_unlogged(Writer& writer, const std::vector<ValueView>& key, const Cells& cells);
  bool came_or_went(Writer& writer, const std::string& lookup, const std::vector<ValueView>& key);
  void meet(Writer& writer, const TheirChange& theirs, const std::vector<std::int64_t>& seqs);
  void write(Writer& writer, const TheirChange& theirs);
  void retire_push(std::int64_t number);
  void drop_taken(Writer& writer, const std::vector<ValueView>& key);

  sqlite3* db_;
  const std::vector<TrackedTable>& tables_;
  std::optional<TriggerRun> run_;  // if the application has triggers on these tables
  std::string device_;  // under whose name the log tells of the pushes on their way
  std::map<std::string, std::unique_ptr<Writer>> writers_;  // by the hub's name
  std::int64_t offset_ms_;
  std::int64_t seq_ = 0;
  Origin origin_;
  // Changes of the open commit that meet pending ones, in the order of their arrival.
  std::map<std::pair<Writer*, std::string>, TheirChange> kept_;
  std::deque<std::string> bytes_;
  std::int64_t changes_ = 0;
  std::int64_t have_ = 0;
  // Of the open commit, if it is a push that had no answer: up to which log row it covers each table.
  std::map<std::int64_t, std::int64_t> taken_;
  bool needs_own_changes_ = false;
};

}  // namespace tidemark::device
